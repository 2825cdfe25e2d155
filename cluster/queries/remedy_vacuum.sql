-- Suggested: vacuums a table now, at full speed.
VACUUM (ANALYZE) {table}
