-- What each database of a node has counted, and since when: NULL means since the node counts at all.
SELECT s.datname::pg_catalog.text AS database, s.xact_commit AS commits, s.xact_rollback AS rollbacks,
       s.temp_files, s.temp_bytes, extract(epoch FROM s.stats_reset)::pg_catalog.float8 AS counted_since
FROM pg_catalog.pg_stat_database AS s
WHERE s.datname IS NOT NULL AND s.datname NOT IN ('template0', 'template1')
