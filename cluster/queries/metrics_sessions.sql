-- The sessions that hold others up, in seconds and numbers. A transaction may have begun after this one's now().
SELECT greatest(pg_catalog.max(extract(epoch FROM pg_catalog.now() - xact_start)), 0)::pg_catalog.float8 AS oldest_transaction_seconds,
       greatest(pg_catalog.max(extract(epoch FROM pg_catalog.now() - state_change))
                FILTER (WHERE state LIKE 'idle in transaction%%'), 0)::pg_catalog.float8 AS oldest_idle_in_transaction_seconds,
       pg_catalog.count(*) FILTER (WHERE wait_event_type = 'Lock') AS blocked_backends
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()
