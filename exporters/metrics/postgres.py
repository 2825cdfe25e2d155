"""The metrics of one PostgreSQL server. Names as in postgres_exporter 0.20 where it has them, ``pods_`` where not."""

from collections.abc import Mapping, Sequence

from exporters.declarations import Family, Metric, MetricSource, Row, counter, gauge, unknown
from exporters.metrics.background import BACKGROUND
from exporters.metrics.cardinality import NOT_SHOWN
from exporters.metrics.sessions import ACTIVITY, TRANSACTIONS
from exporters.metrics.statements import STATEMENTS

SOURCES = (
    MetricSource(name="server", collector="server"),
    MetricSource(name="standbys", collector="replication"),
    MetricSource(name="slots", collector="replication_slots"),
    MetricSource(name="metrics_sessions", collector="stat_activity"),
    MetricSource(name="metrics_activity", collector="stat_activity"),
    MetricSource(name="metrics_databases", collector="stat_database"),
    MetricSource(name="metrics_locks", collector="locks"),
    MetricSource(name="metrics_horizon", collector="xid"),
    MetricSource(name="metrics_transactions", collector="xid"),
    MetricSource(name="metrics_settings", collector="settings"),
    MetricSource(name="metrics_background", collector="background"),
    MetricSource(name="metrics_waldir", collector="wal", every=30.0),
    MetricSource(name="metrics_io", collector="stat_io"),
    # every second scrape: a rate over less than two readings would show nothing, then too much
    MetricSource(name="metrics_statements", collector="stat_statements", every=25.0, extension=True),
    # last: it looks at every file of every database, and what comes after it would wait
    MetricSource(name="metrics_sizes", collector="database", every=60.0),
)

_SERVER = (
    Family(
        source="server",
        labels=("version", "short_version"),
        metrics=(gauge("pg_static", "The version PostgreSQL has; 1.", "present"),),
    ),
    Family(
        source="server",
        labels=("server_version", "system_identifier", "io_method"),
        metrics=(gauge("pods_node_info", "Which server, of which cluster, reading how; 1.", "present"),),
    ),
    Family(
        source="server",
        metrics=(
            gauge("pg_postmaster_start_time_seconds", "When the server started, Unix time.", "started"),
            gauge("pg_replication_is_replica", "1 while in recovery, 0 on the primary.", "in_recovery"),
            gauge(
                "pg_replication_lag_seconds",
                "Upstream's lag: 0 also while the link is cut; see the pods_ one.",
                "upstream_lag_seconds",
            ),
            gauge("pg_replication_last_replay_seconds", "Seconds since the last commit was replayed.", "since_replay"),
            gauge(
                "pods_replication_lag_seconds",
                "Lag of a replica: 0 only while it streams and has replayed all it received; the silence if cut off.",
                "lag_seconds",
            ),
            gauge("pods_replication_receiver_up", "1 while the replica's walreceiver streams.", "receiver_up"),
            gauge(
                "pods_replication_receiver_last_message_timestamp_seconds",
                "When the replica last heard from its upstream, Unix time.",
                "receiver_heard",
            ),
            gauge("pods_replication_replay_paused", "1 while replay is paused by hand.", "replay_paused"),
            unknown(
                "pods_wal_position_bytes", "Where the primary's WAL ends, in bytes since its beginning.", "written_lsn"
            ),
            unknown("pods_wal_received_bytes", "Where the WAL that a replica has received ends.", "received_lsn"),
            unknown("pods_wal_replayed_bytes", "Where the WAL that a replica has replayed ends.", "replayed_lsn"),
            gauge("pods_timeline_id", "The timeline this node is on.", "timeline"),
            gauge("pods_activity_client_backends", "Clients connected.", "connections"),
            gauge(
                "pods_settings_pending_restart",
                "Parameters that were changed and wait for a restart.",
                "pending_restart_count",
            ),
        ),
    ),
)

_REPLICATION = (
    Family(
        source="streaming",
        metrics=(gauge("pods_replication_streaming_replicas", "Standbys that stream from this node."),),
    ),
    Family(
        source="standbys",
        prefix="pods_replication_",
        labels=("standby", "slot_name", "sync_state"),
        metrics=(
            gauge("sent_lag_bytes", "WAL not yet sent to the standby."),
            gauge("write_lag_bytes", "WAL not yet written by the standby."),
            gauge("flush_lag_bytes", "WAL not yet on the standby's disk."),
            gauge("replay_lag_bytes", "WAL not yet replayed by the standby."),
            gauge("write_lag_seconds", "Time until the standby writes, as the primary measures it."),
            gauge("flush_lag_seconds", "Time until the standby has it on disk."),
            gauge("replay_lag_seconds", "Time until the standby shows it to readers."),
            gauge("xmin_age", "Transactions since the oldest that its queries need, by feedback without a slot."),
        ),
    ),
    Family(
        source="standbys",
        prefix="pg_stat_replication_",
        labels=("application_name", "state", "slot_name"),
        metrics=(
            gauge("pg_wal_lsn_diff", "WAL not yet replayed by the standby, in bytes.", "replay_lag_bytes"),
            gauge("pg_current_wal_lsn_bytes", "Where this node's WAL ends.", "current_lsn"),
        ),
    ),
    Family(
        source="slots",
        prefix="pg_replication_slots_",
        labels=("slot_name", "database"),
        metrics=(
            gauge("active", "1 while somebody uses the slot."),
            gauge("pg_wal_lsn_diff", "WAL that the slot holds back, in bytes.", "retained_bytes"),
        ),
    ),
    Family(
        source="slots",
        prefix="pg_replication_slots_",
        labels=("slot_name", "slot_type"),
        metrics=(
            gauge("slot_is_active", "1 while somebody uses the slot.", "active"),
            gauge("slot_current_wal_lsn", "Where this node's WAL ends.", "current_lsn"),
            gauge("safe_wal_size_bytes", "WAL that may still be written before the slot is lost.", "safe_wal_size"),
        ),
    ),
    Family(
        source="slots",
        prefix="pods_slot_",
        labels=("slot_name", "slot_type"),
        metrics=(
            gauge("retained_wal_bytes", "WAL that the slot holds back.", "retained_bytes"),
            gauge("inactive_seconds", "Seconds for which nobody has used the slot; 0 while somebody does."),
            gauge("synced", "1 for a slot that was copied from the primary."),
            gauge("xmin_age", "Transactions since the oldest whose rows the slot keeps from vacuum."),
            gauge("catalog_xmin_age", "The same of the system catalogs' rows, for logical decoding."),
        ),
    ),
)

_SLOT_STATES = (
    Family(
        source="slots",
        prefix="pods_slot_",
        labels=("slot_name", "slot_type", "reason"),
        metrics=(gauge("invalidated", "1 once the slot is lost; the reason says how."),),
    ),
)

_DATABASES = (
    Family(
        source="invalid",
        metrics=(gauge("pods_databases_invalid", "Databases that an interrupted DROP DATABASE left unusable."),),
    ),
    Family(
        source="metrics_databases",
        rest=True,
        prefix="pg_stat_database_",
        labels=("datid", "datname"),
        metrics=(
            gauge("numbackends", "Sessions in the database."),
            unknown("xact_commit", "Transactions committed."),
            unknown("xact_rollback", "Transactions rolled back."),
            unknown("blks_read", "Blocks read from the operating system."),
            unknown("blks_hit", "Blocks found in shared buffers."),
            unknown("tup_returned", "Rows read by scans."),
            unknown("tup_fetched", "Rows fetched by index scans."),
            unknown("tup_inserted", "Rows inserted."),
            unknown("tup_updated", "Rows updated."),
            unknown("tup_deleted", "Rows deleted."),
            unknown("conflicts", "Queries cancelled because recovery needed what they used."),
            unknown("temp_files", "Temporary files written."),
            unknown("temp_bytes", "Bytes written to temporary files."),
            unknown("deadlocks", "Deadlocks found."),
            unknown("blk_read_time", "Time spent reading blocks, in milliseconds."),
            unknown("blk_write_time", "Time spent writing blocks, in milliseconds."),
            unknown("stats_reset", "When these counters were last reset, Unix time.", rest="none"),
            counter("active_time_seconds_total", "Time that sessions spent at work."),
        ),
    ),
    Family(
        source="metrics_databases",
        rest=True,
        prefix="pods_database_",
        labels=("datname",),
        metrics=(
            gauge("xid_age", "Transaction ids in use since the oldest; wraparound is near 2e9.", rest="max"),
            gauge("mxid_age", "Multixact ids in use since the oldest.", rest="max"),
            counter("checksum_failures_total", "Blocks whose checksum was wrong when they were read."),
        ),
    ),
    Family(
        source="metrics_databases",
        rest=True,
        prefix="pg_database_wraparound_",
        labels=("datname",),
        metrics=(
            gauge(
                "age_datfrozenxid_seconds",
                "Upstream's name for pods_database_xid_age; no seconds in spite of it.",
                rest="max",
            ),
            gauge("age_datminmxid_seconds", "Upstream's name for pods_database_mxid_age.", rest="max"),
        ),
    ),
    Family(
        source="metrics_databases",
        rest=True,
        prefix="pg_database_",
        labels=("datname",),
        metrics=(
            gauge(
                "connection_limit",
                "Sessions the database allows; -1 is no limit, -2 a DROP DATABASE that was interrupted.",
                rest="none",
            ),
        ),
    ),
    Family(
        source="metrics_sizes",
        rest=True,
        prefix="pg_database_",
        labels=("datname",),
        metrics=(gauge("size_bytes", "Size of the database; looked at once a minute."),),
    ),
)

_STATUS = (
    Family(
        source="slots",
        prefix="pg_replication_slots_",
        labels=("slot_name", "slot_type", "wal_status"),
        metrics=(Metric("wal_status", "gauge", "1 for the state the slot's WAL is in.", value="is_status"),),
    ),
)

FAMILIES = (
    *_SERVER,
    *_REPLICATION,
    *_SLOT_STATES,
    *_STATUS,
    *ACTIVITY,
    *TRANSACTIONS,
    *_DATABASES,
    *STATEMENTS,
    *BACKGROUND,
    NOT_SHOWN,
)
INVALID = -2
"""The connection limit of a database whose DROP was interrupted: PostgreSQL lets it be dropped, and nothing else."""
COLLECTORS = tuple(dict.fromkeys(source.collector for source in SOURCES))


def counted(rows: Mapping[str, Sequence[Row]]) -> Mapping[str, Sequence[Row]]:
    """``rows`` with what is counted from them."""
    found = dict(rows)
    if "standbys" in rows:
        found["streaming"] = [{"pods_replication_streaming_replicas": sum(map(_replays, rows["standbys"]))}]
    if "metrics_databases" in rows:
        invalid = sum(row["connection_limit"] == INVALID for row in rows["metrics_databases"])
        found["invalid"] = [{"pods_databases_invalid": invalid}]
    return found


def _replays(row: Row) -> bool:
    """A standby that streams and replays: programs only copy WAL."""
    return row["state"] == "streaming" and row["replay_lag_bytes"] is not None
