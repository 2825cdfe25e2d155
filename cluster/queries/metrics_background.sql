-- Checkpointer, background writer, WAL and archiver in one row. Times as PostgreSQL has them are milliseconds.
SELECT c.num_timed AS num_timed_total, c.num_requested AS num_requested_total,
       c.restartpoints_timed AS restartpoints_timed_total, c.restartpoints_req AS restartpoints_req_total,
       c.restartpoints_done AS restartpoints_done_total, c.write_time AS write_time_total,
       c.sync_time AS sync_time_total, c.buffers_written AS buffers_written_total,
       c.slru_written AS slru_written_total, extract(epoch FROM c.stats_reset)::pg_catalog.float8 AS stats_reset_total,
       c.num_timed AS timed_total, c.num_requested AS requested_total, c.num_done AS done_total,
       c.write_time / 1000 AS write_seconds_total, c.sync_time / 1000 AS sync_seconds_total,
       b.buffers_clean AS buffers_clean_total, b.maxwritten_clean AS maxwritten_clean_total,
       b.buffers_alloc AS buffers_alloc_total, extract(epoch FROM b.stats_reset)::pg_catalog.float8 AS bgwriter_reset,
       w.wal_records AS records_total, w.wal_fpi AS fpi_total, w.wal_bytes AS bytes_total,
       w.wal_buffers_full AS buffers_full_total,
       a.archived_count, a.failed_count,
       extract(epoch FROM pg_catalog.now() - a.last_archived_time)::pg_catalog.float8 AS last_archive_age
FROM pg_catalog.pg_stat_checkpointer c, pg_catalog.pg_stat_bgwriter b, pg_catalog.pg_stat_wal w, pg_catalog.pg_stat_archiver a
