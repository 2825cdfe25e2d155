-- Suggested: lets autovacuum look after a table again.
ALTER TABLE {table} RESET (autovacuum_enabled)
