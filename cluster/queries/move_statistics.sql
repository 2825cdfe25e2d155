ALTER EXTENSION pg_stat_statements SET SCHEMA public
