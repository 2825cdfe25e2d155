-- Replication slots of this node, and how much WAL each holds back (bytes). What is NULL is left out: unlimited is not zero.
SELECT slot_name, slot_type, coalesce(database, '') AS database,
       coalesce(wal_status, 'none') AS wal_status,
       coalesce(invalidation_reason, 'none') AS reason,
       active,
       1 AS is_status,
       (here.lsn - restart_lsn)::pg_catalog.int8 AS retained_bytes,
       (here.lsn - '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8 AS current_lsn,
       safe_wal_size,
       CASE WHEN active THEN 0 ELSE extract(epoch FROM pg_catalog.now() - inactive_since)::pg_catalog.float8 END AS inactive_seconds,
       (invalidation_reason IS NOT NULL) AS invalidated,
       synced,
       pg_catalog.age(xmin) AS xmin_age,
       pg_catalog.age(catalog_xmin) AS catalog_xmin_age
FROM pg_catalog.pg_replication_slots
CROSS JOIN LATERAL (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END) AS here(lsn)
WHERE NOT temporary
ORDER BY slot_name
