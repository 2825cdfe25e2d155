-- Bytes of every database; looks at every file, hence not at every scrape.
SELECT datname::pg_catalog.text AS datname, pg_catalog.pg_database_size(oid) AS size_bytes
FROM pg_catalog.pg_database WHERE datallowconn OR datname = 'template0'
