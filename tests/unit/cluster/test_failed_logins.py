"""Logins that were refused, from lines as the servers wrote them; names are a stranger's choice."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.failed_logins import (
    SOURCES,
    FailedLogin,
    networks_of,
    pooler_refusal,
    role_label,
    server_refusal,
    source_label,
)

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t01001BAC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth1\t000018AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t00001BAC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
HERE = networks_of(ROUTES)


def _line(**fields: object) -> bytes:
    whole = {"timestamp": "2026-11-27 22:46:58.547 UTC", "user": "app", "dbname": "appdb", "remote_host": "172.24.0.1"}
    return json.dumps(
        {**whole, "error_severity": "FATAL", "state_code": "28P01", **fields}, separators=(",", ":")
    ).encode()


def _pooled(database: str, role: str, reason: str = "SASL authentication failed", level: str = "WARNING") -> bytes:
    client = f"C-0x5587212a2760: {database}/{role}@172.24.0.1:41574"
    return f"2026-11-27 22:46:57.407 UTC [8] {level} {client} pooler error: {reason}".encode()


@pytest.mark.parametrize("code", ["28P01", "28000"])
def test_a_refusal_of_a_server(code: str) -> None:
    assert server_refusal(_line(state_code=code)) == FailedLogin("app", "172.24.0.1")


@pytest.mark.parametrize(
    "line",
    [
        _line(state_code="3D000"),
        _line(state_code="53300"),
        _line(error_severity="ERROR"),  # SET ROLE within a session
        _line(state_code="00000", message='"state_code":"28P01"'),
        b'{"state_code":"28P01","user":"app',
        b"",
    ],
)
def test_no_refusal_of_a_server(line: bytes) -> None:
    assert server_refusal(line) is None


@pytest.mark.parametrize("reason", ["SASL authentication failed", "password authentication failed", "no such user"])
def test_a_refusal_of_the_pooler(reason: str) -> None:
    assert pooler_refusal(_pooled("appdb_write", "app", reason)) == FailedLogin("app", "172.24.0.1")


@pytest.mark.parametrize(
    "line",
    [
        _pooled("appdb", "app", "query_wait_timeout"),
        _pooled("appdb", "app", level="LOG"),
        b"\t" + _pooled("appdb", "app"),
        _pooled("appdb", "app").replace(b"pooler error: SASL ", b"password "),
    ],
)
def test_no_refusal_of_the_pooler(line: bytes) -> None:
    assert pooler_refusal(line) is None


def test_who_has_a_refusal_in_its_name_is_counted_once_and_as_itself() -> None:
    name = "app@1.2.3.4:5 pooler error: no such user"
    found = pooler_refusal(_pooled("appdb", name))
    assert found == FailedLogin(name, "172.24.0.1")


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=40))
def test_any_name_comes_back_from_a_server_as_it_was(name: str) -> None:
    assert server_refusal(_line(user=name)) == FailedLogin(name, "172.24.0.1")


@given(st.text(max_size=60), st.text(max_size=60))
def test_labels_are_bounded_whatever_comes(role: str, source: str) -> None:
    assert role_label(role, {"app", "postgres"}) in {"app", "postgres", "other"}
    assert source_label(source, HERE) in SOURCES


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("[local]", "socket"),
        ("unix(77)", "socket"),
        ("172.24.0.1", "host"),
        ("172.27.0.1", "host"),
        ("127.0.0.1", "host"),
        ("172.24.0.7", "containers"),
        ("169.254.63.1", "primary_port"),
        ("10.0.0.8", "private"),
        ("fd00::8", "private"),
        ("8.8.8.8", "public"),
        ("2001:4860:4860::8888", "public"),
        ("", "unknown"),
        ("somewhere", "unknown"),
    ],
)
def test_the_kind_of_a_source(address: str, label: str) -> None:
    assert source_label(address, HERE) == label


def test_networks_are_those_without_a_gateway() -> None:
    assert [str(network) for network in HERE] == ["172.24.0.0/16", "172.27.0.0/16"]
