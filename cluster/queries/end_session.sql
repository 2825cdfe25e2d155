-- Only if it is still a session of that login.
SELECT pg_catalog.pg_terminate_backend(pid) AS ended FROM pg_catalog.pg_stat_activity WHERE pid = %s AND usename = %s
