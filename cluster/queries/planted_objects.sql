-- What somebody who is no superuser made in these schemas, and a script that has them in its search_path could call:
-- functions and operators that fit better than those meant, and types that hide others. A trigger's function in PL/pgSQL
-- is called by nobody else; a table counts where it hides a type of another of these schemas.
WITH wanted AS (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY (%s::pg_catalog.text[]))
SELECT 'function' AS kind, p.oid::pg_catalog.regprocedure::pg_catalog.text AS name, r.rolname AS owner
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.pronamespace IN (SELECT w.oid FROM wanted w) AND NOT r.rolsuper
  AND NOT (l.lanname = 'plpgsql' AND p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype)
UNION ALL
SELECT 'operator', o.oid::pg_catalog.regoperator::pg_catalog.text, r.rolname
FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_roles r ON r.oid = o.oprowner
WHERE o.oprnamespace IN (SELECT w.oid FROM wanted w) AND NOT r.rolsuper
UNION ALL
SELECT 'type', t.oid::pg_catalog.regtype::pg_catalog.text, r.rolname
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_roles r ON r.oid = t.typowner
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace IN (SELECT w.oid FROM wanted w) AND NOT r.rolsuper AND t.typcategory <> 'A'
  AND (c.oid IS NULL OR c.relkind = 'c' OR EXISTS (
       SELECT FROM pg_catalog.pg_type h
       WHERE h.typname = t.typname AND h.oid <> t.oid AND h.typnamespace IN (SELECT w.oid FROM wanted w)))
ORDER BY 1, 2
