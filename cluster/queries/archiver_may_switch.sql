SELECT pg_catalog.has_function_privilege('archiver', 'pg_catalog.pg_switch_wal()', 'EXECUTE') AS allowed
