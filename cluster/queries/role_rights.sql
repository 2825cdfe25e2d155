-- What every role may: its own attributes, the roles whose rights it has or can take, the databases it owns.
SELECT r.rolname AS name,
       ARRAY(SELECT a.name FROM (VALUES ('SUPERUSER', r.rolsuper), ('CREATEROLE', r.rolcreaterole),
                                        ('CREATEDB', r.rolcreatedb), ('REPLICATION', r.rolreplication),
                                        ('BYPASSRLS', r.rolbypassrls)) AS a(name, held) WHERE a.held) AS attributes,
       ARRAY(SELECT g.rolname::pg_catalog.text FROM pg_catalog.pg_roles g
             WHERE g.oid <> r.oid AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER')) AS member_of,
       ARRAY(SELECT d.datname::pg_catalog.text FROM pg_catalog.pg_database d WHERE d.datdba = r.oid) AS owns
FROM pg_catalog.pg_roles r
WHERE r.rolname !~ '^pg_'
