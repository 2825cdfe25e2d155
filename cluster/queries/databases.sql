SELECT d.datname AS name, r.rolname AS owner, r.rolsuper AS settled, d.datconnlimit = 0 AS closed
FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
