-- The primary's view of who streams from it. Lags in seconds; replay_lag is NULL when nothing moved for a while.
SELECT application_name AS node,
       state,
       sync_state,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), replay_lsn)::pg_catalog.int8 AS lag_bytes,
       extract(epoch FROM replay_lag)::pg_catalog.float8 AS replay_lag
FROM pg_catalog.pg_stat_replication
ORDER BY application_name
