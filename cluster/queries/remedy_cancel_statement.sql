-- Suggested: ends the statement of a session, if it is still the same.
SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid = {pid} AND extract(epoch FROM backend_start)::pg_catalog.float8 = {began}
