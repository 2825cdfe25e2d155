-- Bytes of every database; looks at every file, hence not at every scrape.
SELECT datname::text AS datname, pg_database_size(oid) AS size_bytes
FROM pg_database WHERE datallowconn OR datname = 'template0'
