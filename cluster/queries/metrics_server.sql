-- One node about itself, one row; a column is a metric or a label of pods_node_info and pg_static.
WITH here AS (
    SELECT pg_catalog.pg_is_in_recovery() AS standby,
           CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END AS lsn,
           pg_catalog.pg_last_wal_receive_lsn() AS received,
           extract(epoch FROM pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp())::pg_catalog.float8 AS since_replay,
           r.status, r.last_msg_receipt_time, r.received_tli,
           -- a walreceiver that died takes its row along: then the last commit replayed, or the start, is all there is
           extract(epoch FROM pg_catalog.now() - coalesce(r.last_msg_receipt_time,
               greatest(pg_catalog.pg_last_xact_replay_timestamp(), pg_catalog.pg_postmaster_start_time())))::pg_catalog.float8 AS silence
    FROM (SELECT) AS one LEFT JOIN pg_catalog.pg_stat_wal_receiver AS r ON true
)
SELECT 'PostgreSQL ' || pg_catalog.current_setting('server_version') AS version,
       pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) AS short_version,
       pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) AS server_version,
       (SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()) AS system_identifier,
       pg_catalog.current_setting('io_method') AS io_method,
       1 AS pg_static,
       1 AS pods_node_info,
       extract(epoch FROM pg_catalog.pg_postmaster_start_time())::pg_catalog.float8 AS pg_postmaster_start_time_seconds,
       standby::int AS pg_replication_is_replica,
       -- upstream's measure, blind while the link is cut (research: postgres_exporter PR 977); ours is the next but one
       CASE WHEN NOT standby OR received = lsn THEN 0 ELSE coalesce(greatest(since_replay, 0), 0) END
           AS pg_replication_lag_seconds,
       coalesce(since_replay, 0) AS pg_replication_last_replay_seconds,
       CASE WHEN NOT standby THEN 0
            WHEN status IS DISTINCT FROM 'streaming' OR silence > 20 THEN silence
            WHEN received = lsn THEN 0
            ELSE coalesce(greatest(since_replay, 0), 0) END AS pods_replication_lag_seconds,
       CASE WHEN standby THEN (status IS NOT DISTINCT FROM 'streaming')::int END AS pods_replication_receiver_up,
       CASE WHEN standby THEN extract(epoch FROM last_msg_receipt_time)::pg_catalog.float8 END
           AS pods_replication_receiver_last_message_timestamp_seconds,
       CASE WHEN standby THEN pg_catalog.pg_is_wal_replay_paused()::int END AS pods_replication_replay_paused,
       CASE WHEN NOT standby THEN lsn - '0/0'::pg_catalog.pg_lsn END AS pods_wal_position_bytes,
       CASE WHEN standby THEN received - '0/0'::pg_catalog.pg_lsn END AS pods_wal_received_bytes,
       CASE WHEN standby THEN lsn - '0/0'::pg_catalog.pg_lsn END AS pods_wal_replayed_bytes,
       CASE WHEN standby THEN coalesce(received_tli, (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()))
            ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(lsn), 1, 8))::bit(32)::pg_catalog.int4 END AS pods_timeline_id,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication
        WHERE state = 'streaming' AND replay_lsn IS NOT NULL) AS pods_replication_streaming_replicas,
       -- what the entrypoint set on the command line no restart would change
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_settings WHERE pending_restart AND source <> 'command line')
           AS pods_settings_pending_restart
FROM here
