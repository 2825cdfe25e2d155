"""Why a server does not answer is recognised once; texts as PostgreSQL 18, libpq and PgBouncer 1.24 gave them."""

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.postgres.failures import ConnectError, Failure, classify, one_line, translated
from tests.unit.strategies import node_names

TEXTS = [
    ("the database system is starting up", "starting"),
    ("the database system is not yet accepting connections", "starting"),
    ("the database system is not accepting connections", "starting"),
    ("the database system is shutting down", "starting"),
    ("the database system is in recovery mode", "starting"),
    ("terminating connection due to administrator command", "starting"),
    ("sorry, too many clients already", "full"),
    ("remaining connection slots are reserved for roles with the SUPERUSER attribute", "full"),
    (
        'remaining connection slots are reserved for roles with privileges of the "pg_use_reserved_connections" role',
        "full",
    ),
    ('too many connections for role "monitor"', "full"),
    ("no more connections allowed (max_client_conn)", "full"),
    ('password authentication failed for user "monitor"', "auth"),
    ("SASL authentication failed", "auth"),
    ("no such user", "auth"),
    ('role "monitor" does not exist', "auth"),
    ('role "monitor" is not permitted to log in', "auth"),
    ("permission denied for function pg_read_file", "auth"),
    ('no pg_hba.conf entry for host "172.18.0.9", user "monitor", database "postgres", SSL encryption', "rejected"),
    ('no pg_hba.conf entry for replication connection from host "172.18.0.9", user "x", SSL encryption', "rejected"),
    ('pg_hba.conf rejects connection for host "172.18.0.9", user "x", database "y", SSL encryption', "rejected"),
    ('database "nope" does not exist', "no_database"),
    ('database "timeout" does not exist', "no_database"),
    ("no such database: nope", "no_database"),
    ("SSL error: certificate verify failed", "certificate"),
    ('server certificate for "x" does not match host name "replica1"', "certificate"),
    ('root certificate file "/none" does not exist', "certificate"),
    ("connection timeout expired", "timeout"),
    ("timeout expired", "timeout"),
    ("gave no answer within 3 s", "timeout"),
    ("Connection refused", "refused"),
    ("server closed the connection unexpectedly", "refused"),
    ("SSL error: unexpected eof while reading", "refused"),
    ("[Errno -2] Name or service not known", "unreachable"),
    ("Network is unreachable", "unreachable"),
    ("something PostgreSQL never said before", "unreachable"),
]


@pytest.mark.parametrize(("text", "kind"), TEXTS)
def test_a_failure_without_sqlstate_is_known_by_its_text(text: str, kind: str) -> None:
    assert classify(text) is Failure(kind)
    assert classify(f"FATAL:  {text}") is Failure(kind)


def test_every_kind_has_a_text_that_shows_it() -> None:
    assert {kind for _, kind in TEXTS} == set(Failure)


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("57P03", "starting"),
        ("57P01", "starting"),
        ("53300", "full"),
        ("28P01", "auth"),
        ("42501", "auth"),
        ("28000", "rejected"),
        ("3D000", "no_database"),
        ("57014", "timeout"),
        ("55P03", "timeout"),
        ("08006", "refused"),
        ("XX000", "unreachable"),
    ],
)
@pytest.mark.parametrize("text", ["", "Zeitüberschreitung: too many clients, certificate"])
def test_where_there_is_an_sqlstate_the_text_decides_nothing(sqlstate: str, kind: str, text: str) -> None:
    assert classify(text, sqlstate) is Failure(kind)


@given(st.text())
def test_whatever_an_error_says_it_is_of_some_kind(text: str) -> None:
    assert classify(text) in Failure


@given(node_names, st.sampled_from(TEXTS))
def test_a_node_s_name_is_no_reason(name: str, known: tuple[str, str]) -> None:
    text, kind = known
    for host in (name, "timeout", "certificate"):
        preamble = f'connection failed: connection to server at "{host}", port 5432 failed: '
        assert ConnectError.of(psycopg.OperationalError(preamble + text)).kind is Failure(kind)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Exception("refused"), "refused"),
        (Exception("connection failed\n\tIs the server running?\n"), "connection failed"),
        (ValueError(), "ValueError"),
        (ValueError("  \n "), "ValueError"),
    ],
)
def test_a_driver_s_error_is_told_in_one_line(error: Exception, line: str) -> None:
    assert one_line(error) == line


def test_a_driver_s_error_in_the_body_becomes_ours_with_its_kind() -> None:
    with pytest.raises(ConnectError, match="canceling statement") as error, translated():
        raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")
    assert error.value.kind is Failure.TIMEOUT
