SELECT pid, state, extract(epoch FROM pg_catalog.clock_timestamp() - xact_start)::pg_catalog.float8 AS seconds
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()
    AND xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %s)
ORDER BY xact_start
