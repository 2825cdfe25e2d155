"""One recorded row, two faces: status and verdict read what the metrics are made of.

Recorded of PostgreSQL 18.6: a replica whose primary_conninfo was made to lead nowhere, and its primary.
"""

from typing import Any

import pytest

from cluster.observed.nodes import NodeReading
from cluster.observed.pooler import PoolsReading
from cluster.observed.snapshot import Snapshot
from cluster.postgres.lsn import Lsn
from exporters.collectors.statistics import Statistics
from exporters.metrics.probe import node_metrics
from tests.unit.exporters.exposition import read_back, value_of
from tests.unit.sql_columns import columns_of

_SERVER: dict[str, Any] = {
    "system_identifier": "7712757804142895153",
    "version": "PostgreSQL 18.6 (Debian 18.6-3)",
    "short_version": "18.6",
    "server_version": "18.6",
    "present": 1,
    "timeline": 1,
    "pending_restart": ["max_connections"],
    "pending_restart_count": 1,
    "altered": [],
    "waiting_commits": 0,
    "longest_commit": 0.0,
}
REPLICA: dict[str, list[dict[str, Any]]] = {
    "server": [
        _SERVER
        | {
            "in_recovery": True,
            "io_method": "worker",
            "started": 1795766510.688387,
            "uptime": 1626.655587,
            "written_lsn": None,
            "received_lsn": 50378752,
            "replayed_lsn": 50378752,
            "receiver_status": None,
            "receiver_up": False,
            "receiver_heard": None,
            "receiver_silence": None,
            "replay_paused": False,
            "since_replay": 1648.841934,
            "upstream_lag_seconds": 0.0,
            "lag_seconds": 1626.655587,
            "connections": 2,
        }
    ],
    "standbys": [],
    "slots": [],
}
PRIMARY: dict[str, list[dict[str, Any]]] = {
    "server": [
        _SERVER
        | {
            "in_recovery": False,
            "io_method": "io_uring",
            "started": 1795766387.940999,
            "uptime": 1749.475705,
            "written_lsn": 50379776,
            "received_lsn": None,
            "replayed_lsn": None,
            "receiver_status": None,
            "receiver_up": None,
            "receiver_heard": None,
            "receiver_silence": None,
            "replay_paused": None,
            "since_replay": 0.0,
            "upstream_lag_seconds": 0.0,
            "lag_seconds": 0.0,
            "connections": 2,
        }
    ],
    "standbys": [
        {
            "application_name": "replica2",
            "standby": "replica2",
            "state": "streaming",
            "slot_name": "replica2_slot",
            "sync_state": "async",
            "sent_lag_bytes": 0,
            "write_lag_bytes": 0,
            "flush_lag_bytes": 0,
            "replay_lag_bytes": 0,
            "current_lsn": 50379776,
            "write_lag_seconds": 0.0,
            "flush_lag_seconds": 0.0,
            "replay_lag_seconds": 0.0,
            "xmin_age": None,
        }
    ],
    "slots": [
        {
            "slot_name": "replica1_slot",
            "slot_type": "physical",
            "database": "",
            "wal_status": "reserved",
            "reason": "none",
            "active": False,
            "is_status": 1,
            "retained_bytes": 1024,
            "current_lsn": 50379776,
            "safe_wal_size": 13656606720,
            "inactive_seconds": 8.141001,
            "invalidated": False,
            "synced": False,
            "xmin_age": None,
            "catalog_xmin_age": None,
        }
    ],
}
SNAPSHOT = Snapshot(
    nodes={"primary": NodeReading.of("primary", PRIMARY), "replica1": NodeReading.of("replica1", REPLICA)},
    pooler=PoolsReading(),
    taken=0.0,
)


def _metrics(rows: dict[str, list[dict[str, Any]]]) -> dict[Any, float]:
    return dict(read_back(node_metrics(Statistics(rows={name: tuple(each) for name, each in rows.items()}), 0.01)))


@pytest.mark.parametrize("rows", [REPLICA, PRIMARY], ids=["replica1", "primary"])
def test_what_was_recorded_has_the_columns_of_today_s_queries(rows: dict[str, list[dict[str, Any]]]) -> None:
    for query, found in rows.items():
        for row in found:
            assert set(row) == columns_of(query)


def test_a_replica_whose_receiver_died_has_one_lag_in_every_face() -> None:
    replica, primary = _metrics(REPLICA), _metrics(PRIMARY)
    assert SNAPSHOT.lag_seconds("replica1") == value_of(replica, "pods_replication_lag_seconds") == 1626.655587
    in_bytes = value_of(primary, "pods_wal_position_bytes") - value_of(replica, "pods_wal_replayed_bytes")
    assert SNAPSHOT.lag_bytes("replica1") == in_bytes == 1024
    assert SNAPSHOT.nodes["replica1"].facts is not None
    assert SNAPSHOT.nodes["replica1"].facts.receiver_status is None
    assert value_of(replica, "pods_replication_receiver_up") == 0


@pytest.mark.parametrize(("name", "rows"), [("replica1", REPLICA), ("primary", PRIMARY)])
def test_facts_are_the_metrics(name: str, rows: dict[str, list[dict[str, Any]]]) -> None:
    facts, found = SNAPSHOT.nodes[name].facts, _metrics(rows)
    assert facts is not None
    position = "pods_wal_replayed_bytes" if facts.in_recovery else "pods_wal_position_bytes"
    assert facts.lsn == Lsn(int(value_of(found, position)))
    assert facts.timeline == value_of(found, "pods_timeline_id")
    assert facts.in_recovery == value_of(found, "pg_replication_is_replica")
    assert facts.connections == value_of(found, "pods_activity_client_backends")
    assert len(facts.pending_restart) == value_of(found, "pods_settings_pending_restart")
    assert facts.lag_seconds == value_of(found, "pods_replication_lag_seconds")


def test_slots_and_standbys_are_the_metrics() -> None:
    found, (slot,) = _metrics(PRIMARY), SNAPSHOT.nodes["primary"].slots
    labels = {"slot_name": slot.name, "slot_type": "physical"}
    assert slot.retained_bytes == value_of(found, "pods_slot_retained_wal_bytes", **labels)
    assert slot.safe_wal_size == value_of(found, "pg_replication_slots_safe_wal_size_bytes", **labels)
    assert slot.inactive_seconds == value_of(found, "pods_slot_inactive_seconds", **labels)
    assert slot.active == value_of(found, "pg_replication_slots_slot_is_active", **labels)
    assert slot.invalidation_reason is None
    assert [standby.node for standby in SNAPSHOT.nodes["primary"].standbys] == ["replica2"]
    assert value_of(found, "pods_replication_streaming_replicas") == 1
    assert value_of(_metrics(REPLICA), "pods_replication_streaming_replicas") == 0


def test_a_program_that_only_copies_wal_is_no_replica() -> None:
    copies = PRIMARY | {"standbys": [PRIMARY["standbys"][0] | {"replay_lag_bytes": None}]}
    assert value_of(_metrics(copies), "pods_replication_streaming_replicas") == 0
