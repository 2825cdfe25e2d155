-- How far a running pg_basebackup is: bytes sent, bytes in all (an estimate), what it is doing.
SELECT p.phase, p.backup_streamed AS done, p.backup_total AS total
FROM pg_catalog.pg_stat_progress_basebackup p JOIN pg_catalog.pg_stat_activity a USING (pid)
WHERE a.application_name = %s
