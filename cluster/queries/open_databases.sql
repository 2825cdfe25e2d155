-- Templates too: what they have, every new database gets.
SELECT d.datname AS name FROM pg_catalog.pg_database d WHERE d.datallowconn ORDER BY 1
