-- Transactions in this database that have written something, and may yet commit it.
SELECT pg_catalog.pg_stat_clear_snapshot() IS NULL AS fresh, pg_catalog.count(*) AS writers
FROM (SELECT FROM pg_catalog.pg_stat_get_activity(NULL) s
      WHERE s.datid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
        AND s.backend_xid IS NOT NULL AND s.pid <> pg_catalog.pg_backend_pid()
      UNION ALL
      SELECT FROM pg_catalog.pg_prepared_xacts x WHERE x.database = pg_catalog.current_database()) AS others
