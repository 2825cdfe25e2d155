-- A small record first: on an idle server there would be nothing to switch away from.
SELECT pg_catalog.pg_logical_emit_message(true, 'pods', 'backup'), pg_catalog.pg_switch_wal()
