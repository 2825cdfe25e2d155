"""A cluster on several hosts is deleted on all of them or on none, and who stops this machine alone hears of it."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from cluster.config.hosts_file import parse_hosts
from cluster.errors import MachineError, PodsError, RefusedError
from cluster.hosts_state import HostRecord, HostsState
from cluster.standby_topology import prepared_on
from cluster.topology import Topology
from compose.console import Console
from compose.engine.hosts.host_engine import HostEngine
from compose.home.hosts_state_file import save_state
from compose.home.paths import Home
from compose.operations.hosts import hosts_down
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of


class _Host:
    """An engine that notes what is done to it."""

    def __init__(self, name: str, done: list[str], *, foreign: bool = False, claim: str = "ops") -> None:
        self.name, self._done, self._foreign, self._claim = name, done, foreign, claim

    def claim(self) -> str:
        return self._claim

    def check_control(self) -> None:
        if self._foreign or not self._claim:
            raise RefusedError(f"host {self.name} is controlled from ops2", "")

    def take_down(self, _: object) -> None:
        self._done.append(f"stop {self.name}")

    def leave_home(self, _: str, *, purge: bool) -> str:
        self._done.append(f"purge {self.name}" if purge else f"keep {self.name}")
        return ""


def _stack(root: Path, topology: Topology) -> Stack:
    stack = Stack(Home(root), replace(settings_of(), hosts=parse_hosts(_FILE)), topology)
    records = tuple(HostRecord(name=name, address="10.0.0.9", home="/srv/x") for name in ("alpha", "beta"))
    save_state(stack.home, HostsState(phase="patroni", hosts=records))
    return stack


def _reaching(monkeypatch: pytest.MonkeyPatch, *found: "_Host | tuple[str, PodsError]") -> None:
    @contextlib.contextmanager
    def reach(*_: object) -> Iterator[dict[str, Any]]:
        yield dict((each.name, each) if isinstance(each, _Host) else each for each in found)

    monkeypatch.setattr(hosts_down, "reach_hosts", reach)
    monkeypatch.setattr(hosts_down, "HostEngine", cast("type[HostEngine]", _Host))


_FILE = """
[hosts.alpha]
address = "10.0.0.11"
[hosts.beta]
ssh = "b@beta"
address = "10.0.0.12"
"""
LOCAL = topology_of(settings_of())
PATRONI = replace(LOCAL, engine="patroni")


def test_every_host_is_purged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = list[str]()
    _reaching(monkeypatch, _Host("alpha", done), _Host("beta", done))
    hosts_down.purge_hosts(_stack(tmp_path, PATRONI), Console())
    assert done == ["stop alpha", "purge alpha", "stop beta", "purge beta"]


def test_a_purge_that_was_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first host is nobody's any more."""
    done = list[str]()
    _reaching(monkeypatch, _Host("alpha", done, claim=""), _Host("beta", done))
    hosts_down.purge_hosts(_stack(tmp_path, PATRONI), Console())
    assert done[-1] == "purge beta"


def test_a_host_that_is_in_the_file_no_more_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = list[str]()
    _reaching(monkeypatch, _Host("alpha", done))
    stack = _stack(tmp_path, PATRONI)
    alone = replace(stack.settings, hosts=parse_hosts(_FILE.split("[hosts.beta]")[0]))
    with pytest.raises(RefusedError, match="beta was added"):
        hosts_down.purge_hosts(replace(stack, settings=alone), Console())
    assert done == []


def test_a_state_that_cannot_be_read_keeps_nobody_from_stopping(tmp_path: Path) -> None:
    stack = _stack(tmp_path, prepared_on(LOCAL, ("alpha", "beta")))
    stack.home.hosts_state.write_text("{")
    assert hosts_down.hosts_of(stack) == ("alpha", "beta")


@pytest.mark.parametrize("foreign", [False, True])
def test_where_one_cannot_be_had_nothing_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, foreign: bool
) -> None:
    done = list[str]()
    other = _Host("beta", done, foreign=True) if foreign else ("beta", MachineError("host beta does not answer", ""))
    _reaching(monkeypatch, _Host("alpha", done), other)
    with pytest.raises(RefusedError, match="beta"):
        hosts_down.purge_hosts(_stack(tmp_path, PATRONI), Console())
    assert done == []


def test_who_stops_this_machine_alone_hears_what_goes_on(tmp_path: Path) -> None:
    assert hosts_down.hosts_of(_stack(tmp_path, LOCAL)) == ()
    names = hosts_down.hosts_of(_stack(tmp_path, PATRONI))
    assert names == ("alpha", "beta")
    assert "alpha, beta go on and take writes" in hosts_down.going_on(PATRONI, names)
    prepared = prepared_on(LOCAL, ("alpha", "beta"))
    assert hosts_down.hosts_of(_stack(tmp_path, prepared)) == names
    assert "a copy that follows this cluster" in hosts_down.going_on(prepared, names)
