SELECT true AS known FROM pg_catalog.pg_namespace n WHERE n.nspname = %s
