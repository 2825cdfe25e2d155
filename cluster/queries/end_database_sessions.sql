-- Every session in a database; waits five seconds for each.
SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(a.pid, 5000)) AS ended
FROM pg_catalog.pg_stat_activity a WHERE a.datname = %s AND a.pid <> pg_catalog.pg_backend_pid()
