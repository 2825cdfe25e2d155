-- Who keeps old row versions from being removed, the oldest of each kind first, with who it is. Ages in transactions.
-- A slot of a standby holds what its standby's sessions read.
(SELECT CASE s.backend_type WHEN 'walsender' THEN 'standby' ELSE 'session' END AS held_by,
        coalesce(s.datname, '')::pg_catalog.text AS database, s.pid, coalesce(s.usename, '')::pg_catalog.text AS role,
        coalesce(s.application_name, '') AS name, coalesce(s.state, '') AS state,
        coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - s.xact_start), 0)::pg_catalog.float8 AS seconds,
        greatest(pg_catalog.age(s.backend_xmin), pg_catalog.age(s.backend_xid))::pg_catalog.int8 AS age,
        coalesce(extract(epoch FROM s.backend_start), 0)::pg_catalog.float8 AS began,
        pg_catalog."left"(s.query, 1000) AS query
 FROM pg_catalog.pg_stat_activity AS s
 WHERE s.pid <> pg_catalog.pg_backend_pid() AND s.backend_type <> 'autovacuum worker'
       AND (s.backend_xmin IS NOT NULL OR s.backend_xid IS NOT NULL)
       AND s.pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum)
 ORDER BY age DESC, seconds DESC LIMIT 50)
UNION ALL
(SELECT CASE WHEN r.xmin IS NULL THEN 'slot_catalog' ELSE 'slot' END, coalesce(r.database, '')::pg_catalog.text,
        coalesce(r.active_pid, 0), '', r.slot_name::pg_catalog.text, CASE WHEN r.active THEN 'active' ELSE 'inactive' END,
        coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - r.inactive_since), 0)::pg_catalog.float8,
        greatest(pg_catalog.age(r.xmin), pg_catalog.age(r.catalog_xmin))::pg_catalog.int8, 0, ''
 FROM pg_catalog.pg_replication_slots AS r
 WHERE r.invalidation_reason IS NULL AND (r.xmin IS NOT NULL OR r.catalog_xmin IS NOT NULL)
 ORDER BY 8 DESC LIMIT 20)
UNION ALL
(SELECT 'prepared', p.database::pg_catalog.text, 0, p.owner::pg_catalog.text, p.gid, '',
        coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared), 0)::pg_catalog.float8,
        pg_catalog.age(p.transaction)::pg_catalog.int8, 0, ''
 FROM pg_catalog.pg_prepared_xacts AS p
 ORDER BY 8 DESC LIMIT 20)
