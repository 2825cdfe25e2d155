-- Replication slots of this node. What is NULL is left out: unlimited is not zero.
SELECT slot_name, slot_type, coalesce(database, '') AS database, coalesce(wal_status, 'none') AS wal_status,
       coalesce(invalidation_reason, 'none') AS reason,
       active::int AS active,
       active::int AS slot_is_active,
       1 AS is_status,
       here.lsn - restart_lsn AS pg_wal_lsn_diff,
       here.lsn - '0/0'::pg_catalog.pg_lsn AS slot_current_wal_lsn,
       safe_wal_size AS safe_wal_size_bytes,
       here.lsn - restart_lsn AS retained_wal_bytes,
       CASE WHEN active THEN 0 ELSE extract(epoch FROM pg_catalog.now() - inactive_since)::pg_catalog.float8 END AS inactive_seconds,
       (invalidation_reason IS NOT NULL)::int AS invalidated,
       synced::int AS synced
FROM pg_catalog.pg_replication_slots
CROSS JOIN LATERAL (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END) AS here(lsn)
WHERE NOT temporary
