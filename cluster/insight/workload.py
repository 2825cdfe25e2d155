"""Settings that contradict the load: what was counted says that another value would cost less. Pure."""

from collections.abc import Iterator

from cluster.insight.findings import InsightFinding, Severity
from cluster.insight.readings import DatabaseCounters, InsightReading, NodeCounters, NodeInsight
from cluster.units import human_seconds, human_size, postgres_size

CHECKPOINTS = 10
"""Fewer may be backups, which ask for one each, and databases that were made."""
CHECKPOINTS_AN_HOUR = 4.0
"""As many come by time with the usual interval of a quarter of an hour."""
TEMP_FILES = 100
"""Fewer may be indexes that were made."""
TEMP_AN_HOUR = float(1 << 30)
"""Bytes an hour from which on sorting on disk is felt."""
BUSY_SECONDS = 600.0
"""For how long all of autovacuum's workers must be at work at once: a big table takes one of them for hours."""
ROLLBACKS = 10_000
ROLLBACK_SHARE = 0.2
"""Of all transactions, of that many at least: who fails so often has a fault, or tries what it may not."""
CONNECTIONS_NEAR, CONNECTIONS_VERY_NEAR = 0.8, 0.95
_WORK_MEM_MOST = 1 << 30
"""Bytes that nobody should be advised to give to each sort of each session."""


def judge_workload(reading: InsightReading) -> Iterator[InsightFinding]:
    """Every setting that the load contradicts."""
    for name, node in reading.nodes.items():
        yield from _connections(name, node.counters)
        yield from _checkpoints(reading, name, node.counters)
        yield from _vacuuming(name, node.counters)
        yield from _timing(name, node.counters)
        for database in node.databases:
            yield from _temp_files(reading, name, node, database)
            yield from _rollbacks(name, node, database)


def _connections(name: str, node: NodeCounters) -> Iterator[InsightFinding]:
    most = node.max_connections - node.reserved_connections
    share = node.connections / max(1, most)
    if share < CONNECTIONS_NEAR:
        return
    severity: Severity = "bad" if share >= CONNECTIONS_VERY_NEAR else "warn"
    yield InsightFinding(
        kind="connections",
        severity=severity,
        subject="max_connections",
        node=name,
        problem="nearly all connections of this node are taken",
        evidence=f"{node.connections} of the {most} that applications can have",
        remedy="see who has them: inv psql --superuser -c 'SELECT usename, application_name, count(*) FROM "
        "pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC'; then let them come through PgBouncer, or raise "
        "PODS_MAX_CONNECTIONS in .env and run inv up",
        risk="a change of PODS_MAX_CONNECTIONS restarts every node, and each connection takes memory",
        undo="the value from before, and inv up",
        weight=share,
    )


def _checkpoints(reading: InsightReading, name: str, node: NodeCounters) -> Iterator[InsightFinding]:
    if node.in_recovery or node.checkpoints_since is None:
        return
    seconds = reading.taken - node.checkpoints_since
    an_hour = node.checkpoints_requested / max(1.0, seconds / 3600)
    by_time = max(1, node.checkpoints_timed)
    if (
        node.checkpoints_requested < CHECKPOINTS
        or node.checkpoints_requested < 2 * by_time
        or an_hour < CHECKPOINTS_AN_HOUR
    ):
        return
    yield InsightFinding(
        kind="checkpoints",
        severity="warn",
        subject="max_wal_size",
        node=name,
        problem="checkpoints come because of WAL and not by time: each makes pages be written to WAL whole once more",
        evidence=f"{node.checkpoints_requested} by WAL and {node.checkpoints_timed} by time in "
        f"{human_seconds(seconds)}; max_wal_size is {postgres_size(node.max_wal_size)}",
        remedy=f"PODS_MAX_WAL_SIZE={postgres_size(2 * node.max_wal_size)} in .env, then inv up",
        risk="that much more disk for WAL, and a longer start after a crash",
        undo=f"PODS_MAX_WAL_SIZE={postgres_size(node.max_wal_size)}, or as it was, then inv up",
        weight=an_hour,
    )


def _vacuuming(name: str, node: NodeCounters) -> Iterator[InsightFinding]:
    if node.vacuuming < node.autovacuum_workers or node.vacuuming_seconds < BUSY_SECONDS:
        return
    yield InsightFinding(
        kind="autovacuum",
        severity="warn",
        subject="autovacuum_max_workers",
        node=name,
        problem="all of autovacuum's workers are at work, and other tables wait",
        evidence=f"{node.vacuuming} of {node.autovacuum_workers} workers, all of them for "
        f"{human_seconds(node.vacuuming_seconds)} and more",
        remedy="autovacuum_vacuum_cost_limit = 2000 in config/postgresql.conf, then inv up: they share that limit, "
        "so that more workers alone are no faster",
        risk="vacuum reads and writes more a second beside what applications do",
        undo="take the line out again, then inv up",
        weight=node.vacuuming_seconds,
    )


def _timing(name: str, node: NodeCounters) -> Iterator[InsightFinding]:
    if not node.io_timing:
        yield InsightFinding(
            kind="io_timing",
            severity="note",
            subject="track_io_timing",
            node=name,
            problem="how long reads and writes take is not counted, so that nobody sees a slow disk",
            evidence="track_io_timing is off; PODS has it on",
            remedy="take track_io_timing out of config/postgresql.conf, then inv up",
            risk="two readings of the clock for each block; pg_test_timing says what that costs",
            undo="track_io_timing = off in config/postgresql.conf, then inv up",
        )


def _temp_files(
    reading: InsightReading, name: str, node: NodeInsight, database: DatabaseCounters
) -> Iterator[InsightFinding]:
    since = node.counted_since(database.database)
    if since is None or database.temp_files < TEMP_FILES:
        return
    an_hour = database.temp_bytes / max(1.0, (reading.taken - since) / 3600)
    if an_hour < TEMP_AN_HOUR:
        return
    each, now = database.temp_bytes / database.temp_files, node.counters.work_mem
    enough = 1 << max(20, int(2 * each).bit_length())
    advised = min(_WORK_MEM_MOST, max(2 * now, enough))
    yield InsightFinding(
        kind="temp_files",
        severity="warn",
        subject="work_mem",
        node=name,
        database=database.database,
        problem="sorts and hashes do not fit into work_mem and go through the disk",
        evidence=f"{database.temp_files} files with {human_size(database.temp_bytes)} in "
        f"{human_seconds(reading.taken - since)}, {human_size(each)} each; work_mem is {postgres_size(now)}",
        remedy=f"PODS_WORK_MEM={postgres_size(advised)} in .env, then inv up; or for one role alone: ALTER ROLE … SET "
        "work_mem; the statements by temp say which are concerned",
        risk="every sort of every session may take that much memory at once",
        undo=f"PODS_WORK_MEM={postgres_size(now)}, or as it was, then inv up",
        weight=an_hour,
    )


def _rollbacks(name: str, node: NodeInsight, database: DatabaseCounters) -> Iterator[InsightFinding]:
    every = database.commits + database.rollbacks
    if node.counters.in_recovery or database.rollbacks < max(ROLLBACKS, ROLLBACK_SHARE * every):
        return
    yield InsightFinding(
        kind="rollbacks",
        severity="note",
        subject=database.database,
        node=name,
        database=database.database,
        problem="many transactions of this database are rolled back",
        evidence=f"{database.rollbacks} of {every}, {database.rollbacks / every:.0%}",
        remedy="inv logs --service " + name + " shows the errors that they ended with, where there were any",
        risk="none",
        weight=database.rollbacks / every,
    )
