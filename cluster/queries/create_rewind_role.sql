-- What pg_rewind asks of its source (PostgreSQL documentation, "pg_rewind"), and nothing else; for one run of it.
DO $make$
BEGIN
    CREATE ROLE rewinder LOGIN PASSWORD {verifier} CONNECTION LIMIT 2;
    GRANT EXECUTE ON FUNCTION
        pg_catalog.pg_ls_dir(pg_catalog.text, boolean, boolean),
        pg_catalog.pg_stat_file(pg_catalog.text, boolean),
        pg_catalog.pg_read_binary_file(pg_catalog.text),
        pg_catalog.pg_read_binary_file(pg_catalog.text, pg_catalog.int8, pg_catalog.int8, boolean)
        TO rewinder;
END $make$
