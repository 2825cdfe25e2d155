-- What objects to come will be granted, in the whole of this database, one row a privilege.
SELECT o.rolname::pg_catalog.text AS creator, d.defaclobjtype::pg_catalog.text AS kind,
       g.rolname::pg_catalog.text AS grantee, a.privilege_type::pg_catalog.text AS privilege
FROM pg_catalog.pg_default_acl d
JOIN pg_catalog.pg_roles o ON o.oid = d.defaclrole
CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) AS a
JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
WHERE d.defaclnamespace = 0
