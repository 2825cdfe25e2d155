-- PgBouncer asked here before it asked in the database postgres. What else somebody put into that schema stays.
DO $do$
BEGIN
    DROP FUNCTION IF EXISTS pods.user_lookup(pg_catalog.text);
    DROP SCHEMA IF EXISTS pods;
EXCEPTION WHEN dependent_objects_still_exist OR invalid_schema_name THEN
    NULL;
END
$do$
