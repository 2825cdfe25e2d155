-- Where recovery ended, and when the newest transaction that it replayed was committed (Unix seconds).
SELECT pg_catalog.pg_last_wal_replay_lsn()::pg_catalog.text AS lsn,
       extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp())::pg_catalog.float8 AS newest
