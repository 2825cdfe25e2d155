-- Objects of a role in this database and of those that all share, a few of them by name.
SELECT pg_catalog.pg_describe_object(s.classid, s.objid, s.objsubid)::pg_catalog.text AS description
FROM pg_catalog.pg_shdepend s
JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
WHERE r.rolname = %s AND s.deptype = 'o' AND s.classid <> 'pg_catalog.pg_default_acl'::pg_catalog.regclass
  AND s.dbid IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
ORDER BY 1
LIMIT 6
