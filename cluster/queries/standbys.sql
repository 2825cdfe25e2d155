-- Who streams from this node. The lags PostgreSQL gives in time are NULL when nothing moved for a while: then 0, if
-- there is nothing left to do. Programs that only copy WAL never replay and have no replay lag.
SELECT r.application_name, r.application_name AS standby, r.state, coalesce(s.slot_name, '') AS slot_name, r.sync_state,
       (here.lsn - r.sent_lsn)::pg_catalog.int8 AS sent_lag_bytes,
       (here.lsn - r.write_lsn)::pg_catalog.int8 AS write_lag_bytes,
       (here.lsn - r.flush_lsn)::pg_catalog.int8 AS flush_lag_bytes,
       (here.lsn - r.replay_lsn)::pg_catalog.int8 AS replay_lag_bytes,
       (here.lsn - '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8 AS current_lsn,
       extract(epoch FROM coalesce(r.write_lag, CASE WHEN here.lsn = r.write_lsn THEN interval '0' END))::pg_catalog.float8
           AS write_lag_seconds,
       extract(epoch FROM coalesce(r.flush_lag, CASE WHEN here.lsn = r.flush_lsn THEN interval '0' END))::pg_catalog.float8
           AS flush_lag_seconds,
       extract(epoch FROM CASE WHEN r.replay_lsn IS NULL THEN NULL
           ELSE coalesce(r.replay_lag, CASE WHEN here.lsn = r.replay_lsn THEN interval '0' END) END)::pg_catalog.float8
           AS replay_lag_seconds,
       pg_catalog.age(r.backend_xmin) AS xmin_age
FROM pg_catalog.pg_stat_replication r
LEFT JOIN pg_catalog.pg_replication_slots s ON s.active_pid = r.pid
CROSS JOIN LATERAL (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END) AS here(lsn)
WHERE r.state <> 'backup'
ORDER BY r.application_name
