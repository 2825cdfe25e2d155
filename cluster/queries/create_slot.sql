-- Reserved at once: WAL is held from before the copy begins.
SELECT pg_catalog.pg_create_physical_replication_slot({slot}, true)
