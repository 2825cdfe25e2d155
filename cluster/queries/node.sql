-- One node about itself. Positions as text, ages in seconds.
SELECT pg_is_in_recovery() AS in_recovery,
       (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       CASE WHEN pg_is_in_recovery()
            THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint()))
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int4 END AS timeline,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn,
       pg_last_wal_receive_lsn()::text AS received_lsn,
       receiver.status AS receiver_status,
       extract(epoch FROM now() - receiver.last_msg_receipt_time)::float8 AS receiver_silence,
       current_setting('io_method') AS io_method,
       extract(epoch FROM now() - pg_postmaster_start_time())::float8 AS uptime,
       -- what the entrypoint set on the command line (io_method, where io_uring is not to be had) no restart would change
       (SELECT array_agg(name ORDER BY name) FROM pg_settings
        WHERE pending_restart AND source <> 'command line') AS pending_restart,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int4 AS connections
FROM (SELECT) AS one
LEFT JOIN pg_stat_wal_receiver AS receiver ON true
