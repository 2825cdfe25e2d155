-- Counters of every statement of every database, over all roles, without its text; read rarely, for there may be thousands.
SELECT d.datname::pg_catalog.text AS datname, s.queryid::pg_catalog.text AS queryid,
       pg_catalog.sum(s.calls)::pg_catalog.float8 AS calls, pg_catalog.sum(s.total_exec_time) / 1000 AS seconds, pg_catalog.sum(s.rows)::pg_catalog.float8 AS rows,
       pg_catalog.sum(s.shared_blk_read_time + s.temp_blk_read_time) / 1000 AS block_read_seconds,
       pg_catalog.sum(s.shared_blk_write_time + s.temp_blk_write_time) / 1000 AS block_write_seconds,
       pg_catalog.sum(s.shared_blks_read)::pg_catalog.float8 AS blocks_read,
       8192 * pg_catalog.sum(s.temp_blks_read + s.temp_blks_written)::pg_catalog.float8 AS temp_bytes,
       pg_catalog.sum(s.wal_bytes)::pg_catalog.float8 AS wal_bytes
FROM public.pg_stat_statements(false) AS s
JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
WHERE s.queryid IS NOT NULL
GROUP BY 1, 2
