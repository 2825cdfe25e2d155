-- Indexes that are written to and never used, because making or removing them was broken off; not those that somebody
-- works on now: whoever does holds a lock on the index or its table, or is seen at it.
-- pg_get_indexdef waits for who has a table to himself, hence not for those.
WITH busy AS MATERIALIZED (
    SELECT l.relation
    FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_database AS d ON d.oid = l.database
    WHERE l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL AND d.datname = pg_catalog.current_database()
)
SELECT i.indexrelid::pg_catalog.int8 AS oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name,
       pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS "table",
       c.relpages::pg_catalog.int8 * 8192 AS bytes,
       pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       c.relname ~ '_cc(new|old)[0-9]*$' AS leftover,
       i.indisready AS written
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relpersistence <> 't'
      AND i.indrelid NOT IN (SELECT relation FROM busy) AND i.indexrelid NOT IN (SELECT relation FROM busy)
      AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index AS p
                      WHERE p.relid = i.indrelid AND p.datname = pg_catalog.current_database())
      AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_database AS d ON d.oid = l.database
                      WHERE l.relation IN (i.indexrelid, i.indrelid) AND l.mode = 'ShareUpdateExclusiveLock'
                            AND d.datname = pg_catalog.current_database())
ORDER BY c.relpages DESC, c.relname
LIMIT 100
