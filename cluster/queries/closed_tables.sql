-- Relations in schemas of a role, or in public, of which a group may not do all of its profile: how many, and one of them.
SELECT pg_catalog.count(*)::pg_catalog.int8 AS count,
       coalesce((pg_catalog.array_agg(n.nspname ORDER BY n.nspname, c.relname))[1], '')::pg_catalog.text AS schema,
       coalesce((pg_catalog.array_agg(c.relname ORDER BY n.nspname, c.relname))[1], '')::pg_catalog.text AS name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
JOIN pg_catalog.pg_roles g ON g.rolname = %s
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND (o.rolname = %s OR n.nspname = 'public')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT (pg_catalog.has_schema_privilege(g.oid, n.oid, 'USAGE')
           AND (SELECT pg_catalog.bool_and(pg_catalog.has_table_privilege(g.oid, c.oid, p.privilege))
                FROM pg_catalog.unnest(%s::pg_catalog.text[]) AS p(privilege)))
