-- The timeline that a primary writes; pg_control names the new one only with the next checkpoint.
SELECT ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::pg_catalog.int4 AS timeline
