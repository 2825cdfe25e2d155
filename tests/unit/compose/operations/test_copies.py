import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import RefusedError
from cluster.postgres.data_directory import PGDATA
from cluster.topology import Copy, Topology
from compose.console import Console
from compose.home.paths import Home
from compose.operations.copies.lifecycle import tidy
from compose.report.copies import CopyStatus, copy_lines, copy_statuses
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of
from tests.unit.strategies import node_names, topologies

SETTINGS = settings_of()
CLUSTER = topology_of(SETTINGS)
BEFORE = Copy(name="before", ordinal=4, backup="b1", lsn="0/5000028", newest=1_795_426_858.0)
TOPOLOGY = CLUSTER.with_copy(BEFORE)


@given(topologies(), node_names, st.booleans())
def test_what_comes_and_goes_leaves_no_trace(topology: Topology, name: str, writable: bool) -> None:
    if name in topology.servers:
        return
    copy = topology.new_copy(name, writable=writable)
    more = topology.with_copy(copy)
    assert more.find_copy(name) == copy
    assert more.without_copy(name) == topology


@given(topologies(min_nodes=2), st.booleans())
def test_a_copy_is_no_node_and_has_no_role(topology: Topology, writable: bool) -> None:
    if "newcomer" in topology.servers:
        return
    more = topology.with_copy(topology.new_copy("newcomer", writable=writable))
    assert (more.nodes, more.names, more.replicas) == (topology.nodes, topology.names, topology.replicas)
    with pytest.raises(RefusedError, match="there is no node 'newcomer'"):
        more.node("newcomer")


def test_a_copy_takes_the_lowest_free_port_and_the_next_replica_another() -> None:
    assert CLUSTER.new_copy("before", writable=False).ordinal == 4
    assert TOPOLOGY.add().node("replica3").ordinal == 5
    assert CLUSTER.remove("replica1").new_copy("before", writable=False).ordinal == 1


@pytest.mark.parametrize("name", ["before", "primary", "replica1", "copies", "pgbouncer", "../x", "a;b", ""])
def test_a_taken_reserved_or_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match=repr(name)):
        TOPOLOGY.new_copy(name, writable=False)


def test_a_replica_is_not_called_like_a_copy() -> None:
    with pytest.raises(RefusedError, match="there is a copy 'before' already"):
        TOPOLOGY.add("before")
    third = CLUSTER.with_copy(Copy(name="replica3", ordinal=5))
    assert third.add().names[-1] == "replica4"


def test_a_copy_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(RefusedError) as refusal:
        TOPOLOGY.find_copy("after")
    assert "'after'" in refusal.value.message
    assert refusal.value.hint == "the copies are: before"


def _data(directory: Path, mark: str) -> None:
    (directory / PGDATA).mkdir(parents=True)
    (directory / PGDATA / "PG_VERSION").write_text(mark)


def _tidied(home: Home, topology: Topology) -> str:
    said = io.StringIO()
    tidy(Stack(home, SETTINGS, topology), Console(said))
    return said.getvalue()


def test_what_was_not_finished_is_thrown_away(bare_home: Home) -> None:
    _data(bare_home.unfinished_copy("other"), "18")
    assert "interrupted" in _tidied(bare_home, TOPOLOGY)
    assert list(bare_home.copies.iterdir()) == []
    assert not bare_home.aside.exists()


def test_what_the_topology_knows_was_finished_and_takes_its_place(bare_home: Home) -> None:
    _data(bare_home.unfinished_copy("before"), "finished")
    assert _tidied(bare_home, TOPOLOGY) == ""
    assert (bare_home.copy("before") / PGDATA / "PG_VERSION").read_text() == "finished"
    assert not bare_home.unfinished_copy("before").exists()


def test_a_copy_that_is_there_is_not_replaced_by_what_was_not_finished(bare_home: Home) -> None:
    _data(bare_home.copy("before"), "mine")
    _data(bare_home.unfinished_copy("before"), "another")
    _tidied(bare_home, TOPOLOGY)
    assert [path.name for path in bare_home.copies.iterdir()] == ["before"]
    assert (bare_home.copy("before") / PGDATA / "PG_VERSION").read_text() == "mine"


def test_a_copy_that_no_topology_knows_is_kept_aside(bare_home: Home) -> None:
    _data(bare_home.copy("before"), "written to")
    assert str(bare_home.aside) in _tidied(bare_home, CLUSTER)
    (kept,) = bare_home.aside.iterdir()
    assert (kept / "PG_VERSION").read_text() == "written to"
    assert not bare_home.copy("before").exists()


def test_where_there_was_never_a_copy_nothing_is_made(bare_home: Home) -> None:
    assert _tidied(bare_home, CLUSTER) == ""
    assert list(bare_home.path.iterdir()) == []


def _report(home: Home, running: Mapping[str, Any]) -> tuple[CopyStatus, ...]:
    return copy_statuses(Stack(home, SETTINGS, TOPOLOGY), running)


def test_a_copy_is_shown_with_its_moment_and_its_port(bare_home: Home) -> None:
    (row,) = _report(bare_home, {})
    assert (row.name, row.state, row.port, row.writable) == ("before", "no container", 5436, False)
    assert copy_lines([row]) == ["copy before: no container, as of 2026-11-23 09:40:58, read-only, port 5436"]
    writable = replace(row, newest=None, writable=True, state="running")
    assert copy_lines([writable]) == ["copy before: running, as of 0/5000028, writable, port 5436"]
