-- The segments in pg_wal.
SELECT pg_catalog.count(*) AS segments, coalesce(pg_catalog.sum(size), 0)::pg_catalog.float8 AS size_bytes
FROM pg_catalog.pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'
