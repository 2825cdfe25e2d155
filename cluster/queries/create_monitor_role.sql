-- Sees everything that pg_monitor may, changes nothing, waits for nothing, gets in when all other connections are taken.
CREATE ROLE {role} LOGIN PASSWORD {verifier} CONNECTION LIMIT 20 IN ROLE pg_monitor, pg_use_reserved_connections;
ALTER ROLE {role} SET default_transaction_read_only = on;
ALTER ROLE {role} SET statement_timeout = '10s';
ALTER ROLE {role} SET lock_timeout = '1s'
