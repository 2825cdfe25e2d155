SELECT pg_catalog.sum(pg_catalog.pg_database_size(oid))::pg_catalog.int8 AS bytes FROM pg_catalog.pg_database
