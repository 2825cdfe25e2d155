"""The WAL archive: received through a slot, kept durably in a spool, shipped to every store; and read again."""
