"""Which engines keep ports on loopback to their host, and which tell a client's address."""

from typing import Any

import pytest

from compose.engine.exposure import hides_clients, open_loopback, version_of

IPTABLES = {"FirewallBackend": {"Driver": "iptables"}}
FIREWALLD = {"FirewallBackend": {"Driver": "iptables+firewalld"}}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("28.5.2+dfsg4", (28, 5, 2)),
        ("26.1.5+dfsg1", (26, 1, 5)),
        ("25.0", (25, 0, 0)),
        ("28.0.0-rc.1", (28, 0, 0)),
        ("29.1.3", (29, 1, 3)),
        ("dev", (0, 0, 0)),
        ("", (0, 0, 0)),
    ],
)
def test_versions_as_engines_write_them(text: str, numbers: tuple[int, int, int]) -> None:
    assert version_of(text) == numbers


@pytest.mark.parametrize("version", ["25.0.0", "26.1.5+dfsg1", "27.5.1", "library-import"])
def test_before_28_neighbours_reach_loopback(version: str) -> None:
    assert version in open_loopback(version, IPTABLES)


@pytest.mark.parametrize(
    ("version", "info", "is_open"),
    [
        ("28.0.0", FIREWALLD, False),
        ("28.1.1", FIREWALLD, False),
        ("28.2.0", FIREWALLD, True),
        ("28.3.2", FIREWALLD, True),
        ("28.3.2", {}, True),
        ("28.3.2", {"FirewallBackend": None}, True),
        ("28.3.2", IPTABLES, False),
        ("28.3.3", FIREWALLD, False),
        ("28.5.2+dfsg4", FIREWALLD, False),
        ("29.0.0", {}, False),
    ],
)
def test_a_reload_of_firewalld_opens_those_of_some(version: str, info: dict[str, Any], is_open: bool) -> None:
    assert bool(open_loopback(version, info)) is is_open


def test_a_rootless_engine_hides_who_a_client_is() -> None:
    assert hides_clients({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"]})
    assert not hides_clients({"SecurityOptions": ["name=seccomp,profile=builtin"]})
    assert not hides_clients({"SecurityOptions": None})
