-- Suggested: ends a prepared transaction that nobody will finish.
ROLLBACK PREPARED {gid}
