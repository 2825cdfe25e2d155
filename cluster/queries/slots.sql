-- Physical replication slots of this node, and how much WAL each holds back (bytes).
SELECT slot_name AS name,
       active,
       wal_status,
       safe_wal_size,
       invalidation_reason,
       extract(epoch FROM pg_catalog.now() - inactive_since)::pg_catalog.float8 AS inactive_seconds,
       CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
            ELSE pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)::pg_catalog.int8 END AS retained_bytes
FROM pg_catalog.pg_replication_slots
WHERE slot_type = 'physical'
ORDER BY slot_name
