-- Parameters that must not be lower on a replica than on its primary (PostgreSQL documentation, "Hot Standby"):
-- what this server runs with, and what its files say now.
SELECT s.name, s.setting::pg_catalog.int4 AS running, coalesce(f.setting, s.setting)::pg_catalog.int4 AS wanted
FROM pg_catalog.pg_settings s
LEFT JOIN LATERAL (
    SELECT setting FROM pg_catalog.pg_file_settings WHERE name = s.name ORDER BY seqno DESC LIMIT 1
) AS f ON true
WHERE s.name IN ('max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions',
                 'max_locks_per_transaction')
