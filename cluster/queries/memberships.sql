-- Who has the rights of whom, directly.
SELECT DISTINCT m.rolname::pg_catalog.text AS member, g.rolname::pg_catalog.text AS "group"
FROM pg_catalog.pg_auth_members a
JOIN pg_catalog.pg_roles m ON m.oid = a.member
JOIN pg_catalog.pg_roles g ON g.oid = a.roleid
WHERE a.inherit_option AND a.set_option
