SELECT pg_catalog.count(*)::pg_catalog.int4 AS running FROM pg_catalog.pg_stat_progress_basebackup
