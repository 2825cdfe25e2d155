-- Suggested, to undo: keeps autovacuum from a table.
ALTER TABLE {table} SET (autovacuum_enabled = off)
