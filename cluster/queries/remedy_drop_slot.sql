-- Suggested: removes a replication slot.
SELECT pg_catalog.pg_drop_replication_slot({slot})
