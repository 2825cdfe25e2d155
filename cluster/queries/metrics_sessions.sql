-- The sessions that hold others up, in seconds and numbers.
SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float8 AS oldest_transaction_seconds,
       coalesce(max(extract(epoch FROM now() - state_change))
                FILTER (WHERE state LIKE 'idle in transaction%%'), 0)::float8 AS oldest_idle_in_transaction_seconds,
       count(*) FILTER (WHERE wait_event_type = 'Lock') AS blocked_backends,
       count(*) AS client_backends
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
