-- One node about itself. Positions as text, ages in seconds.
SELECT pg_catalog.pg_is_in_recovery() AS in_recovery,
       (SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()) AS system_identifier,
       CASE WHEN pg_catalog.pg_is_in_recovery()
            THEN coalesce((SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver), (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()))
            ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::pg_catalog.int4 END AS timeline,
       CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END::pg_catalog.text AS lsn,
       pg_catalog.pg_last_wal_receive_lsn()::pg_catalog.text AS received_lsn,
       receiver.status AS receiver_status,
       extract(epoch FROM pg_catalog.now() - receiver.last_msg_receipt_time)::pg_catalog.float8 AS receiver_silence,
       pg_catalog.current_setting('io_method') AS io_method,
       extract(epoch FROM pg_catalog.now() - pg_catalog.pg_postmaster_start_time())::pg_catalog.float8 AS uptime,
       -- what the entrypoint set on the command line (io_method, where io_uring is not to be had) no restart would change
       (SELECT pg_catalog.array_agg(name ORDER BY name) FROM pg_catalog.pg_settings
        WHERE pending_restart AND source <> 'command line') AS pending_restart,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')::pg_catalog.int4 AS connections
FROM (SELECT) AS one
LEFT JOIN pg_catalog.pg_stat_wal_receiver AS receiver ON true
