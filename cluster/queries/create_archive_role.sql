-- Streams WAL and base backups; in a database it may begin a new WAL segment (grant_switch_wal), and nothing else.
CREATE ROLE {role} LOGIN REPLICATION PASSWORD {verifier} CONNECTION LIMIT 20
