-- What depends on a role, by database ("" for what all share): how many objects it owns, how many rights it has.
-- Default privileges count as rights: they are no object of anybody's.
SELECT coalesce(d.datname, '')::pg_catalog.text AS database,
       (pg_catalog.count(*) FILTER (WHERE s.deptype = 'o' AND s.classid <> 'pg_catalog.pg_default_acl'::pg_catalog.regclass))::pg_catalog.int8 AS owned,
       pg_catalog.count(*)::pg_catalog.int8 AS found
FROM pg_catalog.pg_shdepend s
JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid
WHERE r.rolname = %s
GROUP BY 1
ORDER BY 1
