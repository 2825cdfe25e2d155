-- Parameters that must not be lower on a replica than on its primary (PostgreSQL documentation, "Hot Standby").
SELECT name, setting::int4 AS setting, pending_restart FROM pg_settings
WHERE name IN ('max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction')
