-- What is still free for one more replica: slots, and walsenders (a clone takes two for a while).
SELECT current_setting('max_replication_slots')::int4 - (SELECT count(*) FROM pg_replication_slots)::int4 AS slots,
       current_setting('max_wal_senders')::int4 - (SELECT count(*) FROM pg_stat_replication)::int4 AS senders
