SELECT d.datname AS name, r.rolname AS owner FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
