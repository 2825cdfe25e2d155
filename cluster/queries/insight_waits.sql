-- For what sessions wait now, by database. A session that waits for its client's next statement waits for nothing here.
SELECT coalesce(s.datname, '')::pg_catalog.text AS database,
       s.wait_event_type || ':' || s.wait_event AS event,
       pg_catalog.count(*)::int AS sessions,
       coalesce(pg_catalog.max(extract(epoch FROM pg_catalog.clock_timestamp() - s.query_start)), 0)::pg_catalog.float8
           AS longest_seconds
FROM pg_catalog.pg_stat_activity AS s
WHERE s.state = 'active' AND s.wait_event IS NOT NULL AND s.backend_type IN ('client backend', 'parallel worker')
      AND s.pid <> pg_catalog.pg_backend_pid()
GROUP BY 1, 2
ORDER BY sessions DESC, event
LIMIT 100
