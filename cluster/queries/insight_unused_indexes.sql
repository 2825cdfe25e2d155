-- Indexes of this node that no scan has used and that serve nothing else, the largest first. An index of a partition
-- belongs to that of the partitioned table: counted and named as one. Sizes are those that were written down last.
-- pg_get_indexdef waits for who has a table to himself, hence not for those.
WITH busy AS MATERIALIZED (
    SELECT l.relation
    FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_database AS d ON d.oid = l.database
    WHERE l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL AND d.datname = pg_catalog.current_database()
), indexes AS MATERIALIZED (
    SELECT coalesce(pg_catalog.pg_partition_root(i.indexrelid), i.indexrelid)::pg_catalog.oid AS root, i.indexrelid, c.relpages
    FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    WHERE c.relkind = 'i' AND c.relpersistence <> 't' AND i.indrelid >= 16384 AND i.indisvalid
          AND NOT i.indisunique AND NOT i.indisprimary AND NOT i.indisexclusion AND NOT i.indisreplident
          AND NOT i.indisclustered AND (c.relispartition OR c.relpages >= 128)
), unused AS (
    SELECT root, pg_catalog.sum(relpages) AS pages, pg_catalog.array_agg(indexrelid::pg_catalog.int8) AS parts
    FROM indexes
    GROUP BY root
    HAVING pg_catalog.sum(pg_catalog.pg_stat_get_numscans(indexrelid)) = 0 AND pg_catalog.sum(relpages) >= 128
)
SELECT u.root::pg_catalog.int8 AS oid, u.parts AS parts,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name,
       pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS "table",
       (u.pages * 8192)::pg_catalog.int8 AS bytes,
       pg_catalog.pg_get_indexdef(u.root) AS definition,
       c.relkind = 'I' AS partitioned,
       i.indexprs IS NOT NULL AS expression,
       (pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text::pg_catalog.int8
           - pg_catalog.age(c.xmin))::pg_catalog.int8 AS made_at
FROM unused AS u
JOIN pg_catalog.pg_index AS i ON i.indexrelid = u.root
JOIN pg_catalog.pg_class AS c ON c.oid = u.root
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
WHERE u.root NOT IN (SELECT relation FROM busy) AND i.indrelid NOT IN (SELECT relation FROM busy)
      AND NOT EXISTS (
          SELECT 1 FROM pg_catalog.pg_constraint AS k
          WHERE k.conindid = u.root AND k.contype IN ('p', 'u', 'x')
             OR k.contype = 'f' AND k.conrelid = i.indrelid
                AND k.conkey <@ (i.indkey::pg_catalog.int2[])[0:pg_catalog.cardinality(k.conkey) - 1])
ORDER BY u.pages DESC
LIMIT 200
