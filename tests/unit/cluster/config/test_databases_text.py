"""Tasks change config/databases.toml as a careful person would: what was not meant stays as it was, to the byte."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.databases_file import parse
from cluster.config.databases_text import with_entry, without_entry
from cluster.errors import UsageError

FILE = """\
# Ours.

[databases.shop]  # the web shop
owner = "shop"
settings = { statement_timeout = "30s" }
extensions = [
  # for search
  "vector",
]

# The blog belongs to marketing.
[databases.blog]
pool_size = 4

[roles.reporting]
read = ["blog", "shop"]   # both, since May
write = ['shop1']

[databases.shop1]

[roles]
audit = { read = ["shop"], connection_limit = 2 }
[roles.analysts]
login = false
read = [
  "shop",  # until the new one is there
  # the old one
  "blog",
]
[roles.reader]
member_of = ["analysts"]
owner = ["shop"]
"""


def test_a_new_entry_is_appended_and_all_else_stays() -> None:
    made = with_entry(FILE, "databases", "wiki", {"owner": "wiki-owner", "extensions": ["vector"], "pool_size": 3})
    assert made.startswith(FILE)
    expected = '\n[databases.wiki]\nowner = "wiki-owner"\nextensions = ["vector"]\npool_size = 3\n'
    assert made.removeprefix(FILE) == expected
    assert parse(made).database("wiki").owner == "wiki-owner"


@pytest.mark.parametrize(("before", "after"), [("", ""), ("# none", "# none\n\n"), ("# none\r\n", "# none\r\n\r\n")])
def test_what_ends_without_a_line_break_gets_one(before: str, after: str) -> None:
    newline = "\r\n" if "\r\n" in before else "\n"
    assert with_entry(before, "roles", "r", {"login": False}) == f"{after}[roles.r]{newline}login = false{newline}"


def test_what_is_there_is_not_written_twice() -> None:
    with pytest.raises(UsageError, match=r"databases\.shop is in config/databases\.toml already"):
        with_entry(FILE, "databases", "shop", {})


def test_a_section_on_one_line_is_left_to_its_author() -> None:
    with pytest.raises(UsageError, match="databases is written so that it can only be changed by hand"):
        with_entry("databases = { shop = {} }\n", "databases", "blog", {})


def test_a_database_goes_with_its_keys_and_out_of_every_list_and_no_comment_line_goes() -> None:
    left = without_entry(FILE, "databases", "shop")
    assert (
        left
        == """\
# Ours.


# The blog belongs to marketing.
[databases.blog]
pool_size = 4

[roles.reporting]
read = ["blog"]   # both, since May
write = ['shop1']

[databases.shop1]

[roles]
audit = { connection_limit = 2 }
[roles.analysts]
login = false
  # the old one
read = ["blog"]
[roles.reader]
member_of = ["analysts"]
"""
    )


def test_a_group_goes_out_of_those_that_are_members() -> None:
    left = parse(without_entry(FILE, "roles", "analysts"))
    assert [role.name for role in left.roles] == ["reporting", "audit", "reader"]
    assert left.role("reader").member_of == ()
    assert left.databases == parse(FILE).databases


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('databases.shop.owner = "x"\ndatabases.blog.owner = "y"\n', 'databases.blog.owner = "y"\n'),
        (
            'databases = { shop = {}, "blog" = { owner = "a=b" } } # all\n',
            'databases = { blog = { owner = "a=b" } } # all\n',
        ),
        ('["databases"."shop"]\n[databases.shop.settings]\na = 1\n[roles.r]\n', "[roles.r]\n"),
        ('[databases]\nshop.settings."x.y" = """\n[roles.no]\n# text\n"""\nblog = {}\n', "[databases]\nblog = {}\n"),
        ('[roles."r"]\n"read" = ["shop"] # "#"\nlogin = true', '[roles."r"]\nlogin = true'),
    ],
)
def test_every_form_of_an_entry_is_found(text: str, left: str) -> None:
    assert without_entry(text, "databases", "shop") == left


NAMES = st.sampled_from(["shop", "blog", "wiki", "a-b", "shop_1"])
BLANKS = st.sampled_from(["", "\n", "# comment\n", "  # = [ ' \" }\n", "#[databases.shop]\n"])
TRAILING = st.sampled_from(["", ' # "shop"'])
LISTS = st.lists(NAMES, max_size=4)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file as people write them: entries in any order and form, comments anywhere."""
    lines = [draw(BLANKS)]
    for name in draw(st.lists(NAMES, unique=True)):
        lines += [f"[databases.{name}]{draw(TRAILING)}\n", draw(BLANKS)]
        lines += draw(st.sampled_from([[], ['owner = "o"  # [\n'], ["pool_size = 3\n", "settings.a = 'b'\n"]]))
        lines += [draw(BLANKS)]
    for name in draw(st.lists(NAMES, unique=True)):
        separator = draw(st.sampled_from([", ", ",\n  # in a list\n  ", ",\n"]))
        lines += [f"[roles.{name}]\n"]
        for key in draw(st.lists(st.sampled_from(["read", "write", "owner", "member_of"]), unique=True)):
            inner = separator.join(f'"{each}"' for each in draw(LISTS))
            lines += [f"{key} = [{inner}]{draw(TRAILING)}\n", draw(BLANKS)]
    return "".join(lines)


def _comments(text: str) -> list[str]:
    return sorted(line.strip() for line in text.splitlines() if line.lstrip().startswith("#"))


@given(files(), st.sampled_from(["databases", "roles"]), NAMES)
def test_what_is_meant_changes_and_every_comment_line_stays(text: str, section: str, name: str) -> None:
    """Comment lines within a value that is taken out go with it; the databases generated here have none."""
    document: dict[str, Any] = tomllib.loads(text)
    left = tomllib.loads(without_entry(text, section, name))
    entries = {each: {**document.get(each, {})} for each in ("databases", "roles")}
    entries[section].pop(name, None)
    lists = ("read", "write", "owner") if section == "databases" else ("member_of",)
    for role in entries["roles"].values():
        for key in [key for key in lists if name in role.get(key, [])]:
            role[key] = [each for each in role[key] if each != name]
            if not role[key]:
                del role[key]
    assert {each: left.get(each, {}) for each in entries} == entries
    if section == "databases":
        assert _comments(without_entry(text, section, name)) == _comments(text)
    if name not in document.get(section, {}):
        again = with_entry(text, section, name, {"login": True})
        assert tomllib.loads(again)[section][name] == {"login": True}
        assert _comments(again) == _comments(text)
        assert again.startswith(text)
