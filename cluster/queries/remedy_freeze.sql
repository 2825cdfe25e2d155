-- Suggested: freezes a table's old transaction ids.
VACUUM (FREEZE) {table}
