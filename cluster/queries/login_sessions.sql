-- The sessions of one login: whether a transaction is open, and where the client is, as the server sees it.
SELECT pid, application_name::pg_catalog.text AS application, coalesce(pg_catalog.host(client_addr), '') AS address,
       xact_start IS NOT NULL AS busy
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend' AND usename = %s
ORDER BY pid
