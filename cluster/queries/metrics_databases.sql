-- pg_stat_database of every database, and how far each is from transaction id wraparound.
SELECT s.datid::pg_catalog.text AS datid, s.datname::pg_catalog.text AS datname,
       s.numbackends, s.xact_commit, s.xact_rollback, s.blks_read, s.blks_hit, s.tup_returned, s.tup_fetched,
       s.tup_inserted, s.tup_updated, s.tup_deleted, s.conflicts, s.temp_files, s.temp_bytes, s.deadlocks,
       s.blk_read_time, s.blk_write_time, extract(epoch FROM s.stats_reset)::pg_catalog.float8 AS stats_reset,
       s.active_time / 1000 AS active_time_seconds_total,
       s.checksum_failures AS checksum_failures_total,
       pg_catalog.age(d.datfrozenxid) AS xid_age,
       pg_catalog.mxid_age(d.datminmxid) AS mxid_age,
       pg_catalog.age(d.datfrozenxid) AS age_datfrozenxid_seconds,
       pg_catalog.mxid_age(d.datminmxid) AS age_datminmxid_seconds,
       d.datconnlimit AS connection_limit
FROM pg_catalog.pg_stat_database s JOIN pg_catalog.pg_database d ON d.oid = s.datid
