-- What ALTER DATABASE … SET and ALTER ROLE … SET left, one row each; "" stands for any database or any role.
SELECT coalesce(d.datname, '')::pg_catalog.text AS database, coalesce(r.rolname, '')::pg_catalog.text AS role,
       c.setting AS setting
FROM pg_catalog.pg_db_role_setting s
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
ORDER BY 1, 2, 3
