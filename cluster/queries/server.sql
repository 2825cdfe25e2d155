-- One server about itself, one row, for status, verdict and metrics alike. Positions in bytes, times in seconds.
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
SELECT standby AS in_recovery,
       (SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()) AS system_identifier,
       'PostgreSQL ' || pg_catalog.current_setting('server_version') AS version,
       pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) AS short_version,
       pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) AS server_version,
       pg_catalog.current_setting('io_method') AS io_method,
       1 AS present,
       extract(epoch FROM pg_catalog.pg_postmaster_start_time())::pg_catalog.float8 AS started,
       extract(epoch FROM pg_catalog.now() - pg_catalog.pg_postmaster_start_time())::pg_catalog.float8 AS uptime,
       CASE WHEN standby THEN coalesce(received_tli, (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()))
            ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(lsn), 1, 8))::bit(32)::pg_catalog.int4 END AS timeline,
       CASE WHEN NOT standby THEN (lsn - '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8 END AS written_lsn,
       CASE WHEN standby THEN (received - '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8 END AS received_lsn,
       CASE WHEN standby THEN (lsn - '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8 END AS replayed_lsn,
       CASE WHEN standby THEN status END AS receiver_status,
       CASE WHEN standby THEN (status IS NOT DISTINCT FROM 'streaming') END AS receiver_up,
       CASE WHEN standby THEN extract(epoch FROM last_msg_receipt_time)::pg_catalog.float8 END AS receiver_heard,
       CASE WHEN standby THEN extract(epoch FROM pg_catalog.now() - last_msg_receipt_time)::pg_catalog.float8 END AS receiver_silence,
       CASE WHEN standby THEN pg_catalog.pg_is_wal_replay_paused() END AS replay_paused,
       coalesce(since_replay, 0) AS since_replay,
       -- upstream's measure, blind while the link is cut; ours is the next
       CASE WHEN NOT standby OR received = lsn THEN 0 ELSE coalesce(greatest(since_replay, 0), 0) END AS upstream_lag_seconds,
       CASE WHEN NOT standby THEN 0
            WHEN status IS DISTINCT FROM 'streaming' OR silence > 20 THEN silence
            WHEN received = lsn THEN 0
            ELSE coalesce(greatest(since_replay, 0), 0) END AS lag_seconds,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()) AS connections,
       -- what the entrypoint set on the command line (io_method, where io_uring is not to be had) no restart would change
       pending.names AS pending_restart,
       pg_catalog.cardinality(pending.names) AS pending_restart_count,
       -- ALTER SYSTEM wins over every file that PODS renders
       (SELECT coalesce(pg_catalog.array_agg(name ORDER BY name), '{}') FROM pg_catalog.pg_settings
        WHERE sourcefile LIKE '%/postgresql.auto.conf') AS altered,
       waiting.commits AS waiting_commits, waiting.longest AS longest_commit
FROM here, (SELECT pg_catalog.count(*) AS commits,
                   coalesce(extract(epoch FROM pg_catalog.max(pg_catalog.clock_timestamp() - state_change)), 0)::pg_catalog.float8 AS longest
            FROM pg_catalog.pg_stat_activity WHERE wait_event = 'SyncRep') AS waiting,
     (SELECT coalesce(pg_catalog.array_agg(name ORDER BY name), '{}') AS names FROM pg_catalog.pg_settings
            WHERE pending_restart AND source <> 'command line') AS pending
