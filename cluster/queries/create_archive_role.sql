-- Streams WAL and base backups; in a database it may begin a new WAL segment, and nothing else.
CREATE ROLE {role} LOGIN REPLICATION PASSWORD {verifier} CONNECTION LIMIT 20;
GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {role}
