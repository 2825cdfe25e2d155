-- What keeps a database from being dropped, or goes with it: by kind and name.
WITH target AS (SELECT d.oid, d.datname FROM pg_catalog.pg_database d WHERE d.datname = %s)
SELECT 'session'::pg_catalog.text AS kind,
       (coalesce(a.usename, '') || ' (' || pg_catalog.count(*) || ')')::pg_catalog.text AS name
FROM pg_catalog.pg_stat_activity a JOIN target t ON t.oid = a.datid
WHERE a.backend_type = 'client backend'
GROUP BY a.usename
UNION ALL
SELECT 'prepared transaction', p.gid FROM pg_catalog.pg_prepared_xacts p JOIN target t ON t.datname = p.database
UNION ALL
SELECT 'subscription', s.subname::pg_catalog.text FROM pg_catalog.pg_subscription s JOIN target t ON t.oid = s.subdbid
UNION ALL
SELECT CASE WHEN s.active THEN 'active replication slot' ELSE 'replication slot' END, s.slot_name::pg_catalog.text
FROM pg_catalog.pg_replication_slots s JOIN target t ON t.datname = s.database
ORDER BY 1, 2
