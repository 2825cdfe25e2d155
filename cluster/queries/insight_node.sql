-- What a node's settings are and what it has counted, one row; since when it has counted at all is the oldest reset.
SELECT pg_catalog.pg_is_in_recovery() AS in_recovery,
       extract(epoch FROM pg_catalog.now())::pg_catalog.float8 AS taken,
       CASE WHEN NOT pg_catalog.pg_is_in_recovery()
            THEN pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text::pg_catalog.int8 END AS next_xid,
       extract(epoch FROM least(c.stats_reset, b.stats_reset, w.stats_reset, a.stats_reset))::pg_catalog.float8 AS statistics_since,
       extract(epoch FROM c.stats_reset)::pg_catalog.float8 AS checkpoints_since,
       c.num_timed AS checkpoints_timed, c.num_requested AS checkpoints_requested,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')) AS max_wal_size,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem')) AS work_mem,
       pg_catalog.current_setting('max_connections')::int AS max_connections,
       pg_catalog.current_setting('superuser_reserved_connections')::int
           + pg_catalog.current_setting('reserved_connections')::int AS reserved_connections,
       pg_catalog.current_setting('track_io_timing') = 'on' AS io_timing,
       pg_catalog.current_setting('autovacuum') = 'on' AS autovacuum,
       pg_catalog.current_setting('autovacuum_max_workers')::int AS autovacuum_workers,
       pg_catalog.current_setting('autovacuum_vacuum_threshold')::int AS vacuum_threshold,
       pg_catalog.current_setting('autovacuum_vacuum_scale_factor')::pg_catalog.float8 AS vacuum_scale_factor,
       pg_catalog.current_setting('autovacuum_freeze_max_age')::pg_catalog.int8 AS freeze_max_age,
       s.connections, s.vacuuming, s.vacuuming_seconds
FROM pg_catalog.pg_stat_checkpointer AS c, pg_catalog.pg_stat_bgwriter AS b, pg_catalog.pg_stat_wal AS w,
     pg_catalog.pg_stat_archiver AS a,
     (SELECT pg_catalog.count(*) FILTER (WHERE backend_type = 'client backend') AS connections,
             pg_catalog.count(*) FILTER (WHERE backend_type = 'autovacuum worker' AND xact_start IS NOT NULL) AS vacuuming,
             coalesce(extract(epoch FROM pg_catalog.now() - pg_catalog.max(xact_start)
                 FILTER (WHERE backend_type = 'autovacuum worker')), 0)::pg_catalog.float8 AS vacuuming_seconds
      FROM pg_catalog.pg_stat_activity) AS s
