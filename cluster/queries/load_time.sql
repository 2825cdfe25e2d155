SELECT extract(epoch FROM pg_conf_load_time())::float8 AS loaded
