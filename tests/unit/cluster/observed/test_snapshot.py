import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import cluster.observed.snapshot
from cluster.observed.nodes import NodeReading
from cluster.observed.pooler import PoolsReading
from cluster.observed.snapshot import read_snapshot
from cluster.pools import pools
from cluster.postgres.connection import Access
from cluster.postgres.lsn import Lsn
from tests.fix_settings import settings_of, topology_of
from tests.unit.snapshot_samples import NOW, as_wanted, silent, slot, standby, with_facts, with_node

TOPOLOGY = topology_of(settings_of())
WELL = as_wanted(TOPOLOGY, pools(settings_of(), TOPOLOGY))


def test_the_one_writable_node_is_the_primary() -> None:
    assert WELL.writable == ("primary",)
    assert WELL.primary is WELL.nodes["primary"]


def test_with_none_or_two_writable_nodes_there_is_no_primary() -> None:
    assert silent(WELL, "primary").primary is None
    assert with_facts(WELL, "replica1", in_recovery=False).primary is None


def test_the_primary_is_who_takes_writes_whatever_its_name() -> None:
    switched = with_facts(with_facts(WELL, "primary", in_recovery=True), "replica2", in_recovery=False)
    assert switched.primary is switched.nodes["replica2"]


def test_standbys_and_slots_are_the_primary_s() -> None:
    assert WELL.standby("replica1") == standby("replica1")
    assert WELL.slot("replica1_slot") == slot("replica1_slot")
    assert WELL.standby("nobody") is None
    assert WELL.slot("nobody_slot") is None
    assert silent(WELL, "primary").standby("replica1") is None
    assert silent(WELL, "primary").slot("replica1_slot") is None


def test_lag_in_bytes_is_known_also_while_the_link_is_cut() -> None:
    cut = with_facts(WELL, "replica1", lsn=Lsn(NOW - 1000), receiver_status=None)
    assert with_node(cut, "primary", standbys=()).lag_bytes("replica1") == 1000


def test_lag_in_bytes_is_never_negative() -> None:
    assert with_facts(WELL, "replica1", lsn=Lsn(NOW + 1000)).lag_bytes("replica1") == 0


def test_lag_is_unknown_without_the_primary_or_the_replica() -> None:
    assert silent(WELL, "primary").lag_bytes("replica1") is None
    assert silent(WELL, "replica1").lag_bytes("replica1") is None
    assert silent(WELL, "replica1").lag_seconds("replica1") is None


def test_lag_in_bytes_is_remembered_while_the_primary_is_away() -> None:
    away = silent(with_facts(WELL, "replica1", lsn=Lsn(NOW - 1000), received_lsn=Lsn(NOW - 400)), "primary")
    assert away.lag_bytes("replica1", NOW) == 1000
    assert away.receive_lag_bytes("replica1", NOW) == 400
    assert away.lag_bytes("replica1") is None


def test_lag_in_seconds_is_the_node_s_own() -> None:
    cut = with_facts(WELL, "replica1", receiver_status=None, receiver_silence=None, lag_seconds=42.0)
    assert cut.lag_seconds("replica1") == 42.0
    assert silent(cut, "primary").lag_seconds("replica1") == 42.0


def test_a_server_that_takes_writes_has_no_lag_whatever_it_should_be() -> None:
    split = with_facts(WELL, "replica1", in_recovery=False, lag_seconds=0.0)
    assert split.lag_seconds("replica1") is None


def _access(name: str) -> Access:
    return Access(host=name, port=1, user="monitor", password="x", ca=Path("/none"))


ACCESSES = {name: _access(name) for name in TOPOLOGY.names}


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """An event that comes only after the test."""
    event = threading.Event()
    yield event
    event.set()


def _read(
    monkeypatch: pytest.MonkeyPatch, never: threading.Event, *, hangs: set[str], deadline: float = 5.0
) -> cluster.observed.snapshot.Snapshot:
    def read_node(name: str, access: Access) -> NodeReading:
        assert access.host == name
        if name in hangs:
            never.wait()
        return WELL.nodes[name]

    def read_pooler(access: Access) -> PoolsReading:
        if access.host in hangs:
            never.wait()
        return WELL.pooler

    monkeypatch.setattr(cluster.observed.snapshot, "read_node", read_node)
    monkeypatch.setattr(cluster.observed.snapshot, "read_pooler", read_pooler)
    return read_snapshot(ACCESSES, _access("pgbouncer"), deadline=deadline)


def test_every_node_and_pgbouncer_are_read(monkeypatch: pytest.MonkeyPatch, never: threading.Event) -> None:
    snapshot = _read(monkeypatch, never, hangs=set())
    assert snapshot.nodes == WELL.nodes
    assert snapshot.pooler == WELL.pooler
    assert abs(snapshot.taken - time.time()) < 60


@pytest.mark.parametrize("hanging", ["primary", "replica2"])
def test_a_node_that_hangs_costs_no_other_and_no_more_than_the_deadline(
    monkeypatch: pytest.MonkeyPatch, never: threading.Event, hanging: str
) -> None:
    began = time.monotonic()
    snapshot = _read(monkeypatch, never, hangs={hanging}, deadline=0.1)
    assert time.monotonic() - began < 2
    assert snapshot.nodes[hanging] == NodeReading(name=hanging, error="no answer within 0 s")
    assert {n: r for n, r in snapshot.nodes.items() if n != hanging} == {
        n: r for n, r in WELL.nodes.items() if n != hanging
    }
    assert snapshot.pooler == WELL.pooler


def test_many_that_hang_cost_one_deadline_together(monkeypatch: pytest.MonkeyPatch, never: threading.Event) -> None:
    began = time.monotonic()
    snapshot = _read(monkeypatch, never, hangs={*TOPOLOGY.names, "pgbouncer"}, deadline=0.3)
    assert time.monotonic() - began < 4 * 0.3
    assert snapshot.pooler == PoolsReading(error="no answer within 0 s")
    assert snapshot.primary is None


def test_nodes_that_are_not_there_are_readings_too(free_port: int, tmp_path: Path) -> None:
    nobody = Access(
        host="127.0.0.1", port=free_port, user="monitor", password="x", ca=tmp_path / "ca.crt", connect_timeout=2
    )
    snapshot = read_snapshot({"primary": nobody}, nobody, deadline=10)
    assert f"127.0.0.1:{free_port}" in snapshot.nodes["primary"].error
    assert f"127.0.0.1:{free_port}" in snapshot.pooler.error
    assert snapshot.nodes["primary"].facts is None
