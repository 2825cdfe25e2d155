-- Schemas that are not PostgreSQL's own.
SELECT n.nspname::pg_catalog.text AS name, r.rolname::pg_catalog.text AS owner
FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1
