-- pg_stat_io without the rows in which nothing ever happened. NULL: that combination does no such thing.
SELECT backend_type, object, context,
       reads AS reads_total, read_bytes AS read_bytes_total, read_time / 1000 AS read_seconds_total,
       writes AS writes_total, write_bytes AS write_bytes_total, write_time / 1000 AS write_seconds_total,
       extends AS extends_total, extend_bytes AS extend_bytes_total,
       hits AS hits_total, evictions AS evictions_total,
       fsyncs AS fsyncs_total, fsync_time / 1000 AS fsync_seconds_total
FROM pg_catalog.pg_stat_io
WHERE coalesce(reads, 0) + coalesce(writes, 0) + coalesce(extends, 0) + coalesce(hits, 0) + coalesce(fsyncs, 0) > 0
