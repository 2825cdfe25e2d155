-- Where recovery ended, and when the newest transaction that it replayed was committed (Unix seconds).
SELECT pg_last_wal_replay_lsn()::text AS lsn,
       extract(epoch FROM pg_last_xact_replay_timestamp())::float8 AS newest
