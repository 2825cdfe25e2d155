"""Lines of logs as entries: whatever a stranger had written there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.documents import to_json
from cluster.log_entries import (
    container_entry,
    is_audit,
    pooler_entry,
    printable,
    server_entry,
    text_line,
)

ANY_TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=80)


def _line(message: str, **more: str) -> bytes:
    head = {"timestamp": "2026-11-27 22:46:58.547 UTC", "user": "app", "dbname": "appdb", "remote_host": "10.0.0.8"}
    return json.dumps({**head, "error_severity": "LOG", "message": message, **more}, separators=(",", ":")).encode()


AUDIT = 'AUDIT: SESSION,3,1,WRITE,INSERT,TABLE,public.t,"insert into t values (\'a,b\', ""c"")\nreturning 1",<none>'


def test_a_line_of_a_server() -> None:
    entry = server_entry("primary", _line("division by zero", statement="select 1/0", state_code="22012"))
    assert to_json(entry) == {
        "service": "primary",
        "time": "2026-11-27 22:46:58.547 UTC",
        "message": "division by zero",
        "severity": "LOG",
        "role": "app",
        "database": "appdb",
        "source": "10.0.0.8",
        "state": "22012",
        "statement": "select 1/0",
    }


def test_a_line_of_pgaudit() -> None:
    entry = server_entry("primary", _line(AUDIT))
    assert entry.audit is not None
    assert (entry.role, entry.database, entry.message) == ("app", "appdb", "WRITE INSERT public.t")
    assert to_json(entry.audit) == {
        "kind": "SESSION",
        "statement_class": "WRITE",
        "command": "INSERT",
        "object_type": "TABLE",
        "object": "public.t",
        "statement": "insert into t values ('a,b', \"c\")\nreturning 1",
    }


@pytest.mark.parametrize(
    "line",
    [
        _line(
            "AUDIT: SESSION,1,1,DDL,DROP TABLE,,,drop table t,<none>", context="PL/pgSQL function f() line 1 at RAISE"
        ),
        _line('x","message":"AUDIT: SESSION,1,1,DDL,DROP TABLE,,,drop table t,<none>'),
        _line("statement: AUDIT: SESSION"),
    ],
)
def test_what_an_application_writes_is_no_audit(line: bytes) -> None:
    assert not is_audit(line)
    assert server_entry("primary", line).audit is None


@given(ANY_TEXT)
def test_no_message_of_an_application_s_own_is_audit(text: str) -> None:
    assert not is_audit(_line(f"x{text}", context=text))


@given(ANY_TEXT, ANY_TEXT)
def test_audit_stays_audit_whatever_the_statement_holds(text: str, name: str) -> None:
    quoted = text.replace('"', '""')
    line = _line(f'AUDIT: SESSION,1,1,READ,SELECT,,,"{quoted}",<none>').replace(b'"app"', json.dumps(name).encode())
    assert is_audit(line)


def test_a_line_of_the_pooler() -> None:
    entry = pooler_entry(
        "pgbouncer", b"2026-11-27 22:46:57.407 UTC [8] WARNING C-0x1f: appdb/app@10.0.0.1:7 pooler error: x"
    )
    assert (entry.severity, entry.database, entry.role, entry.source) == ("WARNING", "appdb", "app", "10.0.0.1")
    assert entry.message == "pooler error: x"
    plain = pooler_entry("pgbouncer", b"2026-11-27 22:46:57.407 UTC [8] LOG RELOAD command issued")
    assert (plain.severity, plain.role, plain.message) == ("LOG", None, "RELOAD command issued")


@pytest.mark.parametrize("line", [b"", b"\xff\xfe", b"{", b"[1]", b'{"message":', b'{"message":null}', b"null"])
def test_what_is_no_line_of_a_server_is_shown_as_it_is(line: bytes) -> None:
    for entry in (server_entry("a", line), pooler_entry("a", line), container_entry("a", line)):
        assert json.loads(json.dumps(to_json(entry)))["service"] == "a"


@given(st.binary(max_size=300))
def test_any_bytes_are_one_printable_line(line: bytes) -> None:
    for entry in (server_entry("a", line), pooler_entry("a", line), container_entry("a", line)):
        assert text_line(entry).isprintable()
        assert json.dumps(to_json(entry)).isascii()


def test_a_terminal_is_not_bent() -> None:
    forged = "x\x1b[2J\r\nprimary | PANIC \u202egnp.exe\t\x07"
    assert printable(forged) == "x?[2J? primary | PANIC ?gnp.exe ?"
    assert len(printable("y" * 10_000)) == 2001
