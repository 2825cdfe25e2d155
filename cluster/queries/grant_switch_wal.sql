-- Rights on functions are kept in each database: this one is of the database in which the archiver works.
GRANT EXECUTE ON FUNCTION pg_catalog.pg_switch_wal() TO {role}
