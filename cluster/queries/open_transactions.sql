-- What a restart of this server would end: transactions of clients, and base backups, that have gone on for so many
-- seconds, the oldest first.
SELECT a.pid, coalesce(a.usename, '')::pg_catalog.text AS role, a.application_name AS application,
       b.pid IS NOT NULL AS base_backup,
       extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.xact_start, a.query_start, a.backend_start))::pg_catalog.float8 AS seconds
FROM pg_catalog.pg_stat_activity AS a
LEFT JOIN pg_catalog.pg_stat_progress_basebackup AS b ON b.pid = a.pid
WHERE (a.backend_type = 'client backend' AND a.xact_start IS NOT NULL OR b.pid IS NOT NULL)
  AND a.pid <> pg_catalog.pg_backend_pid()
  AND extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.xact_start, a.query_start, a.backend_start)) >= %s
ORDER BY seconds DESC
