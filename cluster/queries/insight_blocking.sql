-- Sessions that wait for a lock, and those that hold it. Who blocks is asked only for those that wait, and not for any
-- number of them: each question stops all locking for a moment. The pid 0 stands for a prepared transaction.
WITH waiting AS MATERIALIZED (
    SELECT a.pid, pg_catalog.pg_blocking_pids(a.pid) AS blocked_by
    FROM (SELECT pid FROM pg_catalog.pg_stat_activity WHERE wait_event_type = 'Lock' ORDER BY query_start LIMIT 200) AS a
), held AS (
    SELECT DISTINCT ON (l.pid) l.pid, l.locktype, l.mode, l.waitstart,
           CASE WHEN l.database = d.oid AND l.locktype IN ('relation', 'tuple', 'extend', 'page')
                THEN l.relation::pg_catalog.int8 END AS relation
    FROM pg_catalog.pg_locks AS l LEFT JOIN pg_catalog.pg_database AS d ON d.oid = l.database
    WHERE NOT l.granted
)
SELECT s.pid, coalesce(s.datname, '')::pg_catalog.text AS database, coalesce(s.usename, '')::pg_catalog.text AS role,
       coalesce(s.application_name, '') AS application, coalesce(s.state, s.backend_type) AS state,
       coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(h.waitstart, s.xact_start, s.state_change)), 0)::pg_catalog.float8
           AS seconds,
       coalesce(h.mode || ' ' || h.locktype, '') AS lock,
       pg_catalog."left"(s.query, 1000) AS query,
       coalesce(extract(epoch FROM s.backend_start), 0)::pg_catalog.float8 AS began,
       coalesce(w.blocked_by, '{}') AS blocked_by
FROM pg_catalog.pg_stat_activity AS s
LEFT JOIN waiting AS w ON w.pid = s.pid
LEFT JOIN held AS h ON h.pid = s.pid AND w.pid IS NOT NULL
WHERE w.pid IS NOT NULL OR s.pid IN (SELECT pg_catalog.unnest(blocked_by) FROM waiting)
