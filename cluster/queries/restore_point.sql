SELECT pg_catalog.pg_create_restore_point(%s)::pg_catalog.text AS lsn
