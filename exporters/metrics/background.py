"""The metrics of checkpoints, WAL and I/O of one server, and of its settings."""

from exporters.declarations import Family, Metric, counter, gauge, unknown

_LIMITLESS = "The parameter of that name, in its base unit; -1 is no limit."
SETTINGS = (
    "max_connections", "superuser_reserved_connections", "reserved_connections", "max_worker_processes",
    "max_parallel_workers", "max_parallel_workers_per_gather", "max_wal_senders", "max_replication_slots",
    "max_locks_per_transaction", "max_prepared_transactions", "shared_buffers_bytes", "effective_cache_size_bytes",
    "work_mem_bytes", "maintenance_work_mem_bytes", "autovacuum_work_mem_bytes", "temp_buffers_bytes",
    "wal_buffers_bytes", "min_wal_size_bytes", "max_wal_size_bytes", "wal_segment_size_bytes",
    "max_slot_wal_keep_size_bytes", "wal_keep_size_bytes", "checkpoint_timeout_seconds", "checkpoint_completion_target",
    "archive_timeout_seconds", "wal_receiver_timeout_seconds", "wal_sender_timeout_seconds",
    "idle_replication_slot_timeout_seconds", "statement_timeout_seconds", "lock_timeout_seconds",
    "idle_in_transaction_session_timeout_seconds", "deadlock_timeout_seconds", "random_page_cost", "seq_page_cost",
    "effective_io_concurrency", "autovacuum", "autovacuum_max_workers", "autovacuum_naptime_seconds",
    "autovacuum_vacuum_scale_factor", "autovacuum_freeze_max_age", "autovacuum_multixact_freeze_max_age",
    "default_statistics_target", "data_checksums", "full_page_writes", "fsync", "hot_standby", "jit",
    "log_min_duration_statement_seconds", "track_io_timing", "vacuum_failsafe_age",
)  # fmt: skip

BACKGROUND = (
    Family(
        source="metrics_background",
        prefix="pg_stat_checkpointer_",
        metrics=(
            counter("num_timed_total", "Checkpoints whose time had come."),
            counter("num_requested_total", "Checkpoints that were asked for."),
            counter("restartpoints_timed_total", "Restartpoints whose time had come."),
            counter("restartpoints_req_total", "Restartpoints that were asked for."),
            counter("restartpoints_done_total", "Restartpoints performed."),
            counter("write_time_total", "Time spent writing in checkpoints, in milliseconds."),
            counter("sync_time_total", "Time spent syncing in checkpoints, in milliseconds."),
            counter("buffers_written_total", "Buffers written by checkpoints."),
            counter("stats_reset_total", "When these counters were last reset, Unix time."),
        ),
    ),
    Family(
        source="metrics_background",
        prefix="pods_checkpointer_",
        metrics=(
            counter("timed_total", "Checkpoints whose time had come."),
            counter("requested_total", "Checkpoints that were asked for."),
            counter("done_total", "Checkpoints performed; the others were skipped, as nothing had happened."),
            counter("write_seconds_total", "Time spent writing in checkpoints."),
            counter("sync_seconds_total", "Time spent syncing in checkpoints."),
            counter("slru_written_total", "Buffers of transaction status written by checkpoints."),
        ),
    ),
    Family(
        source="metrics_background",
        prefix="pg_stat_bgwriter_",
        metrics=(
            counter("buffers_clean_total", "Buffers written by the background writer."),
            counter("maxwritten_clean_total", "Times the background writer stopped at its limit."),
            counter("buffers_alloc_total", "Buffers allocated."),
            Metric(
                "stats_reset_total",
                "counter",
                "When these counters were last reset, Unix time.",
                value="bgwriter_reset",
            ),
        ),
    ),
    Family(
        source="metrics_background",
        prefix="pg_stat_archiver_",
        metrics=(
            unknown("archived_count", "Segments that archive_command archived; PODS streams its archive instead."),
            unknown("failed_count", "Failures of archive_command."),
            gauge("last_archive_age", "Seconds since archive_command last archived."),
        ),
    ),
    Family(
        source="metrics_background",
        prefix="pods_wal_",
        metrics=(
            counter("records_total", "WAL records written."),
            counter("fpi_total", "Full page images written to WAL."),
            counter("bytes_total", "Bytes of WAL written."),
            counter("buffers_full_total", "Times WAL was written because its buffers were full."),
        ),
    ),
    Family(
        source="metrics_waldir",
        prefix="pg_wal_",
        metrics=(
            gauge("segments", "Segments in pg_wal; counted twice a minute."),
            gauge("size_bytes", "Bytes in pg_wal; counted twice a minute."),
        ),
    ),
    Family(
        source="metrics_io",
        prefix="pods_io_",
        labels=("backend_type", "object", "context"),
        metrics=(
            counter("reads_total", "Read operations."),
            counter("read_bytes_total", "Bytes read."),
            counter("read_seconds_total", "Time spent reading."),
            counter("writes_total", "Write operations."),
            counter("write_bytes_total", "Bytes written."),
            counter("write_seconds_total", "Time spent writing."),
            counter("extends_total", "Times a relation was made longer."),
            counter("extend_bytes_total", "Bytes by which relations were made longer."),
            counter("hits_total", "Blocks found in shared buffers."),
            counter("evictions_total", "Blocks thrown out of shared buffers to make room."),
            counter("fsyncs_total", "Syncs to disk."),
            counter("fsync_seconds_total", "Time spent syncing."),
        ),
    ),
    Family(
        source="metrics_settings",
        prefix="pg_settings_",
        metrics=tuple(gauge(name, _LIMITLESS) for name in SETTINGS),
    ),
)
