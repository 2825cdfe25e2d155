-- Physical replication slots of this node, and how much WAL each holds back (bytes).
SELECT slot_name AS name,
       active,
       wal_status,
       safe_wal_size,
       invalidation_reason,
       extract(epoch FROM now() - inactive_since)::float8 AS inactive_seconds,
       CASE WHEN pg_is_in_recovery() THEN NULL
            ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8 END AS retained_bytes
FROM pg_replication_slots
WHERE slot_type = 'physical'
ORDER BY slot_name
