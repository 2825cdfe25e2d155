-- Triggers on an extension's own tables whose function belongs to somebody who is no superuser.
SELECT 'trigger' AS kind, t.tgname::pg_catalog.text AS name, r.rolname AS owner
FROM pg_catalog.pg_extension e
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid = e.oid
JOIN pg_catalog.pg_trigger t ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND t.tgrelid = d.objid
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
WHERE e.extname = %s AND d.deptype = 'e' AND NOT t.tgisinternal AND NOT r.rolsuper
