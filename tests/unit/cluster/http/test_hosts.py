"""Who addresses a service by a name that is not its own is refused, and nobody else."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.mounted import MountedConfig
from cluster.http.hosts import HostCheck, Hosts, allowed_hosts, read_hosts
from tests.fix_settings import settings_of
from tests.unit.config_samples import mounted

SETTINGS = settings_of(project="shop", tls_names="db.example.org,192.0.2.7")
HOSTS = allowed_hosts(SETTINGS, "health", "192.0.2.9")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8080",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:18080",
        "127.8.8.8",
        "[::1]",
        "[::1]:8080",
        "[::ffff:127.0.0.1]:8080",
        "health:8080",
        "shop-health-1",
        "192.0.2.9:8080",
        "db.example.org",
        "DB.example.org.:443",
        "192.0.2.7",
        "172.18.0.4:8080",
    ],
)
def test_its_own_names_with_any_port(host: str) -> None:
    assert HOSTS.allow(host, "172.18.0.4")


STRANGE = [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1.nip.io",
    "xlocalhost",
    "localhost:8080@evil.example",
    "evil.example#localhost",
    "localhost:",
    "localhost:80:80",
    "localhost:evil",
    "localhost:٨٠",
    "[::1",
    "[::1]evil",
    "[::1].evil.example",
    "::1",
    "[evil.example]",
    "[fe80::1%25localhost]",
    "",
    " ",
    ".",
    "localhost..",
    "exporter",
    "shop-exporter-1",
    "192.0.2.1",
    "0x7f.1",
    "2130706433",
    "127.1",
    "0177.0.0.1",
    "localhost,evil.example",
    "localhost evil.example",
    "loc\xadalhost",
]


@pytest.mark.parametrize("host", STRANGE)
def test_anything_else_is_not_its_name(host: str) -> None:
    assert not HOSTS.allow(host, "172.18.0.4")


def test_published_on_every_address_each_may_be_named_but_no_name() -> None:
    hosts = allowed_hosts(SETTINGS, "health", "0.0.0.0")
    assert hosts.allow("203.0.113.5:8080")
    assert hosts.allow("[2001:db8::5]")
    assert not hosts.allow("evil.example")
    assert not hosts.allow("0x7f.1")


@given(st.text(), st.text())
def test_whatever_is_sent_it_is_a_name_or_not(host: str, local: str) -> None:
    assert HOSTS.allow(host, local) in (True, False)


@given(st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){1,4}(:[0-9]{1,5})?", fullmatch=True))
def test_no_name_of_another_site_passes(host: str) -> None:
    name = host.partition(":")[0]
    assert HOSTS.allow(host) == (name == "db.example.org" or (name.startswith("127.") and _is_address(name)))


def _is_address(name: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _ask(*hosts: bytes, method: str = "GET") -> list[dict[str, Any]]:
    """What is sent to who asks with these Host headers."""
    sent: list[dict[str, Any]] = []

    async def inner(_: Any, __: Any, send: Any) -> None:
        await send({"status": 200})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "headers": [(b"host", host) for host in hosts], "server": None}
    asyncio.run(HostCheck(inner, lambda: HOSTS)(scope, None, send))  # type: ignore[arg-type]
    return sent


def test_a_stranger_s_name_gets_421_and_a_reason() -> None:
    start, body = _ask(b"evil.example")
    assert start["status"] == 421
    assert json.loads(body["body"])["title"] == "Misdirected Request"
    assert _ask(b"evil.example", method="HEAD")[1]["body"] == b""


def test_two_names_are_no_name_and_none_is_no_browser() -> None:
    assert _ask(b"localhost", b"evil.example")[0]["status"] == 421
    assert _ask(b"localhost", b"localhost")[0]["status"] == 421
    assert _ask()[0]["status"] == 200
    assert _ask(b"\xff\xfe")[0]["status"] == 421


def test_names_follow_the_settings_and_without_them_loopback_is_left(tmp_path: Path) -> None:
    window = mounted(tmp_path, SETTINGS)
    hosts = read_hosts(window, "health", lambda settings: (settings.web_bind,))
    assert hosts.allow("db.example.org")
    bare = read_hosts(MountedConfig(root=tmp_path / "nothing"), "health", lambda settings: (settings.web_bind,))
    assert bare == Hosts(frozenset({"localhost", "health"}))
    assert bare.allow("127.0.0.1:8080")
