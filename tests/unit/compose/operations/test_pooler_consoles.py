"""Which PgBouncers are asked, and what becomes of one that does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from cluster.errors import MachineError
from cluster.postgres.connection import Access
from cluster.topology import Node
from compose.home.paths import Home
from compose.operations import pooler_consoles
from compose.operations.pooler_consoles import PoolerConsoles
from compose.stack import Stack
from tests.fix_hosts import NAMES, THREE
from tests.fix_settings import settings_of, topology_of

SETTINGS = replace(settings_of(), hosts=THREE)
NODES = tuple(Node(name=name, ordinal=at, host=name) for at, name in enumerate(NAMES, 1))
TOPOLOGY = replace(topology_of(SETTINGS), nodes=NODES, primary="alpha", engine="patroni")


class _Known(Stack):
    def access(self, service: str, secret: str, database: str = "postgres") -> Access:
        return Access(host="127.0.0.1", port=7432, user="pods_admin", password="x", ca=self.home.ca, database=database)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was connected to; beta (10.0.0.12) does not answer."""
    seen: list[str] = []

    @contextmanager
    def connect(access: Access, *, console: bool) -> Iterator[str]:
        assert console
        seen.append(f"{access.host}:{access.port}")
        if access.host == "10.0.0.12":
            raise MachineError("no answer")
        yield access.host

    monkeypatch.setattr(pooler_consoles, "connect", connect)
    return seen


def test_all_are_asked_and_the_silent_one_once(bare_home: Home, asked: list[str]) -> None:
    consoles = PoolerConsoles(_Known(bare_home, SETTINGS, TOPOLOGY))
    names = [name for name, _ in consoles.each()]
    assert names == ["pgbouncer", "pgbouncer on alpha", "pgbouncer on gamma"]
    assert consoles.silent == {"beta": "no answer"}
    assert asked == ["127.0.0.1:7432", "10.0.0.11:6432", "10.0.0.12:6432", "10.0.0.13:6432"]
    assert [name for name, _ in consoles.each()] == names
    assert len(asked) == 7


def test_those_of_some_hosts_alone(bare_home: Home, asked: list[str]) -> None:
    consoles = PoolerConsoles(_Known(bare_home, SETTINGS, TOPOLOGY), ["gamma"])
    assert [name for name, _ in consoles.each()] == ["pgbouncer on gamma"]
    assert asked == ["10.0.0.13:6432"]


def test_on_one_host_there_is_one(bare_home: Home, asked: list[str]) -> None:
    consoles = PoolerConsoles(_Known(bare_home, SETTINGS, replace(TOPOLOGY, engine="local")))
    assert [name for name, _ in consoles.each()] == ["pgbouncer"]
