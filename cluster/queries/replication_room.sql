-- What is still free for one more replica: slots, and walsenders (a clone takes two for a while).
SELECT pg_catalog.current_setting('max_replication_slots')::pg_catalog.int4 - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots)::pg_catalog.int4 AS slots,
       pg_catalog.current_setting('max_wal_senders')::pg_catalog.int4 - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication)::pg_catalog.int4 AS senders
