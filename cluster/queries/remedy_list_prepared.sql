-- Suggested: the prepared transactions that are still there.
SELECT gid, owner, prepared FROM pg_catalog.pg_prepared_xacts ORDER BY prepared
