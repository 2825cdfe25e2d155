-- What is granted on each database, and by whom; "" is everybody.
SELECT d.datname::pg_catalog.text AS database, coalesce(r.rolname, '')::pg_catalog.text AS grantee,
       a.privilege_type::pg_catalog.text AS privilege, g.rolname::pg_catalog.text AS grantor
FROM pg_catalog.pg_database d
CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) AS a
JOIN pg_catalog.pg_roles g ON g.oid = a.grantor
LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
WHERE NOT d.datistemplate
