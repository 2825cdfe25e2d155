SELECT rolcanlogin AS allowed FROM pg_catalog.pg_roles WHERE rolname = %s
