-- Every database but templates: its owner, bytes, sessions of clients, how many may be, and who may log in to it.
SELECT d.datname::pg_catalog.text AS name, o.rolname::pg_catalog.text AS owner,
       pg_catalog.pg_database_size(d.oid)::pg_catalog.int8 AS size,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a
        WHERE a.datid = d.oid AND a.backend_type = 'client backend')::pg_catalog.int8 AS sessions,
       d.datconnlimit AS connection_limit,
       ARRAY(SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r
             WHERE r.rolcanlogin AND NOT r.rolsuper AND pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT')
             ORDER BY 1) AS logins
FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles o ON o.oid = d.datdba
WHERE NOT d.datistemplate
ORDER BY 1
