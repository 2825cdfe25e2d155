"""No password, and nothing else that somebody typed between quotes, is in a text that is shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.insight.redaction import HIDDEN, one_line, redacted

SECRET = "hunter2"
_NOISE = st.text(alphabet=" ;'\"\\$-/*eEuU&abx1.=()\nü€", max_size=12)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SELECT * FROM t WHERE a = $1 AND b = 7", "SELECT * FROM t WHERE a = $1 AND b = 7"),
        ("ALTER ROLE app PASSWORD 'hunter2' VALID UNTIL 'x'", f"ALTER ROLE app PASSWORD {HIDDEN}"),
        ("create user bob with password hunter2", f"create user bob with password {HIDDEN}"),
        ("CREATE USER MAPPING FOR app SERVER s OPTIONS (password 'hunter2')", None),
        ("CREATE SUBSCRIPTION s CONNECTION 'password=hunter2' PUBLICATION p", None),
        ("COPY t FROM PROGRAM 'curl -u me:hunter2'", f"COPY t FROM PROGRAM '{HIDDEN}'"),
        ("SELECT public.dblink('password=hunter2', 'SELECT 1')", f"SELECT public.dblink('{HIDDEN}', '{HIDDEN}')"),
        ("SET app.token = hunter2", f"SET app.token = {HIDDEN}"),
        ("ALTER DATABASE shop SET app.token TO hunter2", f"ALTER DATABASE shop SET app.token TO {HIDDEN}"),
        ("UPDATE t SET a = b, c = date'2026-01-01'", f"UPDATE t SET a = b, c = date'{HIDDEN}'"),
        ("SELECT a /* hunter2 /* ' */ */, b -- 'hunter2\nFROM t", "SELECT a  , b  \nFROM t"),
        ("DO $x$ BEGIN PERFORM $$hunter2$$; END $x$", f"DO '{HIDDEN}'"),
        ("SELECT $€$hunter2$€$, x$$", f"SELECT '{HIDDEN}', x$$"),
        ("SELECT 'it''s hunter2', \"a'b\", 1", f"SELECT '{HIDDEN}', \"a'b\", 1"),
        (r"SELECT E'a\'hunter2', U&'\0061 hunter2', B'01'", f"SELECT '{HIDDEN}', '{HIDDEN}', '{HIDDEN}'"),
        ("SELECT 'C:\\' || 'hunter2'", f"SELECT '{HIDDEN}"),
        ("SELECT a, 'hunte", f"SELECT a, '{HIDDEN}"),
        ("CREATE TABLE role_notes (password text, options text)", None),
    ],
)
def test_what_is_shown(text: str, shown: str | None) -> None:
    found = redacted(text)
    assert SECRET not in found
    assert found == shown or shown is None


@pytest.mark.parametrize(
    "mapped", ["CREATE TABLE user_notes (password text)", "CREATE SERVER s FOREIGN DATA WRAPPER w"]
)
def test_plain_definitions_stay(mapped: str) -> None:
    assert redacted(mapped) == mapped


def _quoted(text: str, kind: int) -> str:
    doubled = text.replace("'", "''")
    return [
        f"'{doubled}'",
        "E'" + doubled.replace("\\", "\\\\") + "'",
        f"$q$ {text.replace('$', '')} $q$",
        f"/* {text.replace('*', '').replace('/', '')} */",
    ][kind]


@given(_NOISE, _NOISE, st.integers(0, 3), st.integers(0, 60))
def test_a_literal_is_hidden_whatever_is_in_it_and_wherever_the_text_is_cut(
    before: str, after: str, kind: int, cut: int
) -> None:
    text = "SELECT a, " + _quoted(before + SECRET + after, kind) + ", b"
    assert SECRET not in redacted(text)
    assert "hunt" not in redacted(text[:cut])


@given(st.text(max_size=40) | _NOISE.flatmap(lambda first: _NOISE.map(lambda then: first + "'" + then)))
def test_any_text_ends_as_one_that_hides_nothing_more(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@given(st.lists(_NOISE, max_size=6).map("'".join))
def test_between_single_quotes_there_is_nothing(text: str) -> None:
    without_names = re.sub(r'"(?:[^"]|"")*"', "", redacted(text))
    assert "'" not in without_names.replace(f"'{HIDDEN}'", "").removesuffix(f"'{HIDDEN}")


def test_a_megabyte_of_hostile_text_is_read_in_one_walk() -> None:
    for part in ("'", "''", "$$", "/*", '"', "E'\\", "$a"):
        assert len(redacted("SELECT " + part * (1_000_000 // len(part)))) < 2_000_000


@given(st.text(max_size=60))
def test_one_line_is_one_line_that_no_terminal_obeys(text: str) -> None:
    found = one_line(text)
    assert found.isprintable()
    assert SECRET not in one_line(f"SELECT '\x1b[31m{SECRET}\u202e',\n\n  a")
