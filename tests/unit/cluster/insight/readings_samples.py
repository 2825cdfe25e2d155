"""Readings in which nothing hurts, to be changed by a test."""

from dataclasses import replace
from typing import Any

from cluster.insight.readings import (
    DatabaseCounters,
    DatabaseInsight,
    HorizonHolder,
    IndexPair,
    InsightReading,
    InvalidIndex,
    LockedSession,
    NodeCounters,
    NodeInsight,
    ObjectCounters,
    SequenceState,
    TableState,
    UnusedIndex,
)

NOW = 1_800_000_000.0
DAY = 86400.0
GB = 1 << 30


def counters(**changed: Any) -> NodeCounters:
    calm = NodeCounters(
        in_recovery=False,
        taken=NOW,
        next_xid=1_000_000,
        statistics_since=NOW - 30 * DAY,
        checkpoints_since=NOW - 30 * DAY,
        checkpoints_timed=2880,
        checkpoints_requested=30,
        max_wal_size=GB,
        work_mem=16 << 20,
        max_connections=100,
        reserved_connections=8,
        io_timing=True,
        autovacuum=True,
        autovacuum_workers=3,
        vacuum_threshold=50,
        vacuum_scale_factor=0.2,
        freeze_max_age=200_000_000,
        connections=10,
        vacuuming=1,
        vacuuming_seconds=7200.0,
    )
    return replace(calm, **changed)


def database_counters(**changed: Any) -> DatabaseCounters:
    calm = DatabaseCounters(
        database="shop", commits=10**7, rollbacks=500, temp_files=20, temp_bytes=GB, counted_since=None
    )
    return replace(calm, **changed)


def node(*databases: DatabaseCounters, **changed: Any) -> NodeInsight:
    parts = {name: changed.pop(name) for name in ("waits", "locked", "holders") if name in changed}
    return NodeInsight(counters=counters(**changed), databases=databases or (database_counters(),), **parts)


def replica(**changed: Any) -> NodeInsight:
    return node(in_recovery=True, next_xid=None, **changed)


def reading(database: DatabaseInsight | None = None, /, **nodes: NodeInsight) -> InsightReading:
    nodes = {"primary": node(), "replica1": replica(), **nodes}
    return InsightReading(taken=NOW, members=tuple(nodes), nodes=nodes, databases={"shop": database or inside()})


def inside(**changed: Any) -> DatabaseInsight:
    return DatabaseInsight(**{"counters": {"primary": {}, "replica1": {}}, **changed})


def table(**changed: Any) -> TableState:
    calm = TableState(
        oid=20000,
        name="public.orders",
        bytes=GB,
        rows=1e6,
        frozen_age=150_000_000,
        dead=100_000,
        live=1_000_000,
        options=(),
        vacuumed=NOW - 3600,
        analyzed=NOW - 3600,
        vacuuming=False,
        path="base/16384/20000",
    )
    return replace(calm, **changed)


def holder(**changed: Any) -> HorizonHolder:
    calm = HorizonHolder(
        held_by="session",
        database="shop",
        pid=4711,
        role="ada",
        name="report",
        state="idle in transaction",
        seconds=3600.0,
        age=500,
        began=NOW - 4000.5,
        query="SELECT …",
    )
    return replace(calm, **changed)


def locked(pid: int, *blocked_by: int, **changed: Any) -> LockedSession:
    calm = LockedSession(
        pid=pid,
        database="shop",
        role="ada",
        application="web",
        state="active",
        seconds=90.0 if blocked_by else 300.0,
        lock="ShareLock transactionid" if blocked_by else "",
        query="UPDATE …",
        began=NOW - 5000.25,
        blocked_by=blocked_by,
    )
    return replace(calm, **changed)


def sequence(**changed: Any) -> SequenceState:
    calm = SequenceState(
        name="public.orders_id_seq",
        table="public.orders",
        column="id",
        identity=False,
        column_most=2**31 - 1,
        type="bigint",
        least=1,
        most=2**63 - 1,
        step=1,
        cycles=False,
        value=1_000_000,
    )
    return replace(calm, **changed)


def unused(**changed: Any) -> UnusedIndex:
    calm = UnusedIndex(
        oid=20010,
        parts=(20010,),
        name="public.orders_note_idx",
        table="public.orders",
        bytes=64 << 20,
        definition="CREATE INDEX orders_note_idx ON public.orders USING btree (note)",
        partitioned=False,
        expression=False,
        made_at=5000,
    )
    return replace(calm, **changed)


def pair(**changed: Any) -> IndexPair:
    calm = IndexPair(
        oid=20020,
        other_oid=20021,
        same=True,
        name="public.orders_a_again",
        other="public.orders_a",
        table="public.orders",
        bytes=8 << 20,
        other_bytes=8 << 20,
        definition="CREATE INDEX orders_a_again ON public.orders USING btree (a)",
        other_definition="CREATE INDEX orders_a ON public.orders USING btree (a)",
    )
    return replace(calm, **changed)


def invalid(**changed: Any) -> InvalidIndex:
    calm = InvalidIndex(
        oid=20030,
        name="public.orders_b",
        table="public.orders",
        bytes=0,
        definition="CREATE UNIQUE INDEX orders_b ON public.orders USING btree (b)",
        leftover=False,
        written=True,
    )
    return replace(calm, **changed)


def scans(oid: int, scans: int = 0, rows: int = 0) -> dict[int, ObjectCounters]:
    return {oid: ObjectCounters(oid=oid, scans=scans, rows=rows)}
