"""The catalogue of extensions, and what it makes of words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster import extensions
from cluster.config.databases import DatabaseDeclaration, Declarations
from cluster.config.settings import Settings
from cluster.errors import UsageError
from cluster.extension_catalogue import CATALOGUE
from cluster.extensions import STATISTICS, chosen, libraries, packages, parameters, read_words, word_of
from tests.fix_settings import settings_of


def _declared(**extensions: str) -> Settings:
    databases = tuple(DatabaseDeclaration(name=name, extensions={each: ""}) for name, each in extensions.items())
    settings = settings_of()
    return replace(settings, declarations=Declarations(databases=databases))


WORDS = st.lists(st.sampled_from(sorted(CATALOGUE)))


def test_every_extension_has_one_word() -> None:
    names = [name for each in CATALOGUE.values() for name in each.names]
    assert len(names) == len(set(names))
    assert all(word_of(name) for name in names)
    assert word_of("pg_trgm") == ""


def test_words_are_in_alphabetical_order_and_say_what_they_are() -> None:
    assert list(CATALOGUE) == sorted(CATALOGUE)
    assert all(each.note and each.package.count("{major}") == 1 for each in CATALOGUE.values())
    assert all(each.names or each.plugins for each in CATALOGUE.values())


@given(WORDS)
def test_any_words_in_any_order_mean_the_same(words: list[str]) -> None:
    once = read_words(",".join(words))
    assert once == read_words(", ".join(reversed(words))) == tuple(sorted(set(words)))
    assert len(packages(chosen(once))) == len(once)


@given(WORDS)
def test_what_counts_statements_is_always_preloaded_and_first(words: list[str]) -> None:
    found = libraries(chosen(words))
    assert found[0] == STATISTICS
    assert len(found) == len(set(found))


def test_an_extension_that_a_database_is_declared_with_brings_its_word() -> None:
    assert [each.word for each in chosen(("cron",), ("vector", "pg_trgm", "postgis_raster"))] == [
        "cron", "pgvector", "postgis"
    ]  # fmt: skip


def test_output_plugins_are_added_to_those_that_the_server_allows_by_itself() -> None:
    found = parameters(settings_of(extensions="wal2json,decoderbufs"))
    assert found["output_plugin_libraries"] == "'pgoutput, test_decoding, decoderbufs, wal2json'"
    assert found["wal_level"] == "logical"
    assert "output_plugin_libraries" not in parameters(settings_of(extensions="cron"))


def test_what_works_in_one_database_works_in_the_application_s() -> None:
    assert parameters(settings_of(extensions="cron", database="shop"))["cron.database_name"] == "'shop'"
    assert parameters(_declared(other="cron"))["cron.database_name"] == "'other'"
    with pytest.raises(UsageError, match="one and two have pg_cron, which works in one alone"):
        parameters(_declared(one="cron", two="pg_cron"))


@pytest.mark.parametrize(("words", "wanted"), [("", ()), ("hll", ("postgresql-18-hll",))])
def test_settings_ask_for_packages(words: str, wanted: tuple[str, ...]) -> None:
    assert packages(extensions.wanted_extensions(settings_of(extensions=words))) == wanted


def test_what_a_database_is_declared_with_is_in_the_image_by_either_name() -> None:
    for name in ("pgvector", "vector"):
        assert [each.word for each in extensions.wanted_extensions(_declared(shop=name))] == ["pgvector"]
    assert [each.word for each in extensions.wanted_extensions(_declared(shop="wal2json"))] == ["wal2json"]
    assert extensions.wanted_extensions(_declared(shop="pg_trgm")) == ()


def test_a_word_means_its_first_extension_where_a_database_is_declared_with_it() -> None:
    assert extensions.resolved({"pgvector": "0.8.7", "pg_trgm": "", "postgis": "", "wal2json": ""}) == {
        "vector": "0.8.7", "pg_trgm": "", "postgis": ""
    }  # fmt: skip


def test_an_extension_that_nobody_knows_is_refused_with_those_that_are_near() -> None:
    with pytest.raises(UsageError, match=r"databases\.shop has the extension 'pg_trigram'") as caught:
        extensions.wanted_extensions(_declared(shop="pg_trigram"))
    assert "pg_trgm" in caught.value.hint
