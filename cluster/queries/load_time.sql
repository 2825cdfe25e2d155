SELECT extract(epoch FROM pg_catalog.pg_conf_load_time())::pg_catalog.float8 AS loaded
