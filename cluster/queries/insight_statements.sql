-- Counters of every statement, without its text, which may be long; and since when it is counted.
SELECT coalesce(d.datname, '')::pg_catalog.text AS database, coalesce(r.rolname, '')::pg_catalog.text AS role,
       s.dbid::pg_catalog.int8 AS database_oid, s.userid::pg_catalog.int8 AS role_oid,
       coalesce(s.queryid, 0) AS queryid, s.toplevel,
       extract(epoch FROM s.stats_since)::pg_catalog.float8 AS counted_since,
       s.calls, s.total_plan_time / 1000 AS plan_seconds, s.total_exec_time / 1000 AS exec_seconds, s.rows,
       s.shared_blks_hit AS blocks_hit, s.shared_blks_read AS blocks_read,
       s.shared_blks_dirtied AS blocks_dirtied, s.shared_blks_written AS blocks_written,
       (s.shared_blk_read_time + s.shared_blk_write_time + s.temp_blk_read_time + s.temp_blk_write_time) / 1000 AS io_seconds,
       s.temp_blks_read + s.temp_blks_written AS temp_blocks, s.wal_bytes::pg_catalog.int8 AS wal_bytes
FROM public.pg_stat_statements(false) AS s
LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.userid
