-- Suggested: writes a table anew without its free space.
VACUUM (FULL, ANALYZE) {table}
