-- Chosen settings in base units (bytes, seconds), booleans as 0 and 1, one row. -1 stays -1: it stands for "no limit".
WITH converted AS (
    SELECT name,
           CASE WHEN vartype = 'bool' THEN (setting = 'on')::int::pg_catalog.float8
                WHEN setting::pg_catalog.float8 < 0 THEN setting::pg_catalog.float8
                ELSE setting::pg_catalog.float8 * CASE unit WHEN '8kB' THEN 8192 WHEN 'kB' THEN 1024 WHEN 'MB' THEN 1048576
                     WHEN 'B' THEN 1 WHEN 'ms' THEN 0.001 WHEN 's' THEN 1 WHEN 'min' THEN 60 WHEN 'h' THEN 3600
                     WHEN 'd' THEN 86400 ELSE 1 END END AS value
    FROM pg_catalog.pg_settings
    WHERE vartype IN ('bool', 'integer', 'real')
)
SELECT
       pg_catalog.max(value) FILTER (WHERE name = 'max_connections') AS max_connections,
       pg_catalog.max(value) FILTER (WHERE name = 'superuser_reserved_connections') AS superuser_reserved_connections,
       pg_catalog.max(value) FILTER (WHERE name = 'reserved_connections') AS reserved_connections,
       pg_catalog.max(value) FILTER (WHERE name = 'max_worker_processes') AS max_worker_processes,
       pg_catalog.max(value) FILTER (WHERE name = 'max_parallel_workers') AS max_parallel_workers,
       pg_catalog.max(value) FILTER (WHERE name = 'max_parallel_workers_per_gather') AS max_parallel_workers_per_gather,
       pg_catalog.max(value) FILTER (WHERE name = 'max_wal_senders') AS max_wal_senders,
       pg_catalog.max(value) FILTER (WHERE name = 'max_replication_slots') AS max_replication_slots,
       pg_catalog.max(value) FILTER (WHERE name = 'max_locks_per_transaction') AS max_locks_per_transaction,
       pg_catalog.max(value) FILTER (WHERE name = 'max_prepared_transactions') AS max_prepared_transactions,
       pg_catalog.max(value) FILTER (WHERE name = 'shared_buffers') AS shared_buffers_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'effective_cache_size') AS effective_cache_size_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'work_mem') AS work_mem_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'maintenance_work_mem') AS maintenance_work_mem_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'autovacuum_work_mem') AS autovacuum_work_mem_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'temp_buffers') AS temp_buffers_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'wal_buffers') AS wal_buffers_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'min_wal_size') AS min_wal_size_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'max_wal_size') AS max_wal_size_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'wal_segment_size') AS wal_segment_size_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'max_slot_wal_keep_size') AS max_slot_wal_keep_size_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'wal_keep_size') AS wal_keep_size_bytes,
       pg_catalog.max(value) FILTER (WHERE name = 'checkpoint_timeout') AS checkpoint_timeout_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'checkpoint_completion_target') AS checkpoint_completion_target,
       pg_catalog.max(value) FILTER (WHERE name = 'archive_timeout') AS archive_timeout_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'wal_receiver_timeout') AS wal_receiver_timeout_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'wal_sender_timeout') AS wal_sender_timeout_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'idle_replication_slot_timeout') AS idle_replication_slot_timeout_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'statement_timeout') AS statement_timeout_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'lock_timeout') AS lock_timeout_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'idle_in_transaction_session_timeout') AS idle_in_transaction_session_timeout_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'deadlock_timeout') AS deadlock_timeout_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'random_page_cost') AS random_page_cost,
       pg_catalog.max(value) FILTER (WHERE name = 'seq_page_cost') AS seq_page_cost,
       pg_catalog.max(value) FILTER (WHERE name = 'effective_io_concurrency') AS effective_io_concurrency,
       pg_catalog.max(value) FILTER (WHERE name = 'autovacuum') AS autovacuum,
       pg_catalog.max(value) FILTER (WHERE name = 'autovacuum_max_workers') AS autovacuum_max_workers,
       pg_catalog.max(value) FILTER (WHERE name = 'autovacuum_naptime') AS autovacuum_naptime_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'autovacuum_vacuum_scale_factor') AS autovacuum_vacuum_scale_factor,
       pg_catalog.max(value) FILTER (WHERE name = 'autovacuum_freeze_max_age') AS autovacuum_freeze_max_age,
       pg_catalog.max(value) FILTER (WHERE name = 'autovacuum_multixact_freeze_max_age') AS autovacuum_multixact_freeze_max_age,
       pg_catalog.max(value) FILTER (WHERE name = 'default_statistics_target') AS default_statistics_target,
       pg_catalog.max(value) FILTER (WHERE name = 'data_checksums') AS data_checksums,
       pg_catalog.max(value) FILTER (WHERE name = 'full_page_writes') AS full_page_writes,
       pg_catalog.max(value) FILTER (WHERE name = 'fsync') AS fsync,
       pg_catalog.max(value) FILTER (WHERE name = 'hot_standby') AS hot_standby,
       pg_catalog.max(value) FILTER (WHERE name = 'jit') AS jit,
       pg_catalog.max(value) FILTER (WHERE name = 'log_min_duration_statement') AS log_min_duration_statement_seconds,
       pg_catalog.max(value) FILTER (WHERE name = 'track_io_timing') AS track_io_timing,
       pg_catalog.max(value) FILTER (WHERE name = 'vacuum_failsafe_age') AS vacuum_failsafe_age
FROM converted
