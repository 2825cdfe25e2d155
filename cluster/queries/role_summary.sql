-- Every role that is not predefined: groups it is a member of, sessions of clients, and until when it may log in.
SELECT r.rolname::pg_catalog.text AS name, r.rolcanlogin AS login, r.rolconnlimit AS connection_limit,
       extract(epoch FROM r.rolvaliduntil)::pg_catalog.float8 AS valid_until,
       ARRAY(SELECT g.rolname::pg_catalog.text FROM pg_catalog.pg_auth_members m
             JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1) AS member_of,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a
        WHERE a.usesysid = r.oid AND a.backend_type = 'client backend')::pg_catalog.int8 AS sessions
FROM pg_catalog.pg_roles r
WHERE r.rolname !~ '^pg_'
ORDER BY 1
