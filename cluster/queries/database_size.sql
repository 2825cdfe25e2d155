SELECT sum(pg_database_size(oid))::int8 AS bytes FROM pg_database
