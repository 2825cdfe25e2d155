-- Where the WAL that a slot holds begins, and how far this node has replayed or written.
SELECT restart_lsn::pg_catalog.text AS held_from FROM pg_catalog.pg_replication_slots WHERE slot_name = %s
