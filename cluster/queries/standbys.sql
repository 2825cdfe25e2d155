-- The primary's view of who streams from it. Lags in seconds; replay_lag is NULL when nothing moved for a while.
SELECT application_name AS node,
       state,
       sync_state,
       pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::int8 AS lag_bytes,
       extract(epoch FROM replay_lag)::float8 AS replay_lag
FROM pg_stat_replication
ORDER BY application_name
