-- Indexes that another one of the same table makes needless: the same columns, classes, collations, order, condition and
-- expressions, or the beginning of another's. Bounded, the largest first. What enforces something is never the needless one.
-- pg_get_indexdef waits for who has a table to himself, hence not for those.
WITH busy AS MATERIALIZED (
    SELECT l.relation
    FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_database AS d ON d.oid = l.database
    WHERE l.mode = 'AccessExclusiveLock' AND l.relation IS NOT NULL AND d.datname = pg_catalog.current_database()
), indexes AS MATERIALIZED (
    SELECT i.indexrelid, i.indrelid, c.relam, c.relname, c.relnamespace, c.relpages, i.indnkeyatts, i.indnatts,
           i.indkey, i.indclass, i.indcollation, i.indoption,
           coalesce(pg_catalog.regexp_replace(i.indpred::pg_catalog.text, ':location -?[0-9]+', '', 'g'), '') AS condition,
           coalesce(pg_catalog.regexp_replace(i.indexprs::pg_catalog.text, ':location -?[0-9]+', '', 'g'), '') AS expressions,
           (i.indisunique OR i.indisprimary OR i.indisexclusion OR i.indisreplident OR i.indisclustered
            OR c.relispartition) AS needed
    FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    WHERE c.relkind = 'i' AND c.relpersistence <> 't' AND i.indrelid >= 16384 AND i.indisvalid AND i.indisready
          AND i.indrelid NOT IN (SELECT relation FROM busy) AND i.indexrelid NOT IN (SELECT relation FROM busy)
), pairs AS (
    SELECT a.indexrelid AS needless, b.indexrelid AS other, a.indnatts = b.indnatts AND a.indkey = b.indkey AS same,
           a.relpages AS pages
    FROM indexes AS a JOIN indexes AS b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid AND b.relam = a.relam
    WHERE NOT a.needed
          AND a.condition = b.condition AND a.expressions = b.expressions
          AND CASE WHEN a.indkey = b.indkey AND a.indnkeyatts = b.indnkeyatts
                   THEN a.indclass = b.indclass AND a.indcollation = b.indcollation AND a.indoption = b.indoption
                        AND (b.needed OR a.indexrelid > b.indexrelid)
                   ELSE a.relam = 403 AND a.expressions = '' AND a.indnatts = a.indnkeyatts AND b.indnkeyatts > a.indnkeyatts
                        AND (b.indkey::pg_catalog.int2[])[0:a.indnatts - 1]
                            = (a.indkey::pg_catalog.int2[])[0:a.indnatts - 1]
                        AND (b.indclass::pg_catalog.oid[])[0:a.indnatts - 1]
                            = (a.indclass::pg_catalog.oid[])[0:a.indnatts - 1]
                        AND (b.indcollation::pg_catalog.oid[])[0:a.indnatts - 1]
                            = (a.indcollation::pg_catalog.oid[])[0:a.indnatts - 1]
                        AND (b.indoption::pg_catalog.int2[])[0:a.indnatts - 1]
                            = (a.indoption::pg_catalog.int2[])[0:a.indnatts - 1] END
), chosen AS (
    SELECT DISTINCT ON (p.needless) p.needless, p.other, p.same, p.pages
    FROM pairs AS p JOIN indexes AS b ON b.indexrelid = p.other
    WHERE p.same OR p.pages >= 128
    ORDER BY p.needless, p.same DESC, b.needed DESC, b.relpages, p.other
), largest AS MATERIALIZED (
    SELECT c.needless, c.other, c.same, c.pages
    FROM chosen AS c
    ORDER BY c.pages DESC, c.needless
    LIMIT 100
)
SELECT p.needless::pg_catalog.int8 AS oid, p.other::pg_catalog.int8 AS other_oid, p.same,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(a.relname) AS name,
       pg_catalog.quote_ident(bn.nspname) || '.' || pg_catalog.quote_ident(b.relname) AS other,
       pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname) AS "table",
       p.pages::pg_catalog.int8 * 8192 AS bytes, b.relpages::pg_catalog.int8 * 8192 AS other_bytes,
       pg_catalog.pg_get_indexdef(p.needless) AS definition, pg_catalog.pg_get_indexdef(p.other) AS other_definition
FROM largest AS p
JOIN indexes AS a ON a.indexrelid = p.needless
JOIN indexes AS b ON b.indexrelid = p.other
JOIN pg_catalog.pg_class AS t ON t.oid = a.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = a.relnamespace
JOIN pg_catalog.pg_namespace AS bn ON bn.oid = b.relnamespace
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
ORDER BY p.pages DESC, p.needless
