"""How sessions of PODS begin."""

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cluster.postgres.connection import Access, login
from cluster.postgres.session import guarded, options, pinned

ACCESS = Access(host="primary", port=5432, user="postgres", password="p" * 20, ca=Path("/ca"))
USERS = ["postgres", "monitor", "archiver", "replicator", "app"]


@pytest.mark.parametrize("user", USERS)
def test_every_session_reads_names_in_the_catalog_first_and_is_nobody_else(user: str) -> None:
    parameters = pinned(user, statement_timeout=2.5)
    assert parameters["search_path"].split(",")[0] == "pg_catalog"
    assert parameters["role"] == "none"
    assert parameters["local_preload_libraries"] == ""
    assert parameters["statement_timeout"] == "2500"


@pytest.mark.parametrize("user", USERS)
def test_only_a_superuser_says_what_only_a_superuser_may(user: str) -> None:
    """The server lets nobody else in who does."""
    assert ("event_triggers" in pinned(user, statement_timeout=1)) == (user == "postgres")


def test_who_only_looks_still_only_looks_and_waits_for_nobody() -> None:
    parameters = pinned("monitor", statement_timeout=3)
    assert (parameters["default_transaction_read_only"], parameters["lock_timeout"]) == ("on", "1s")
    assert pinned("postgres", statement_timeout=3)["default_transaction_read_only"] == "off"


def test_a_person_keeps_the_formats_that_they_set_and_gets_nobody_s_code() -> None:
    parameters = guarded()
    assert parameters["event_triggers"] == "off"
    assert parameters["search_path"].startswith("pg_catalog")
    assert not {"TimeZone", "DateStyle", "restrict_nonsystem_relation_kind"} & parameters.keys()


def test_options_are_as_libpq_hands_them_on() -> None:
    text = options({"a": "", "b": "two words", "c": "back\\slash"})
    assert text == r"-c a= -c b=two\ words -c c=back\\slash"
    assert conninfo_to_dict(make_conninfo(options=text))["options"] == text


@pytest.mark.parametrize(("pooled", "binding"), [(False, "require"), (True, "prefer")])
def test_a_password_is_only_ever_proven(pooled: bool, binding: str) -> None:
    """PgBouncer binds no channel."""
    given = login(Access(host="h", port=1, user="u", password="p", ca=Path("/ca"), pooled=pooled))
    assert (given["require_auth"], given["channel_binding"]) == ("scram-sha-256", binding)
    assert given["sslmode"] == "verify-full"
