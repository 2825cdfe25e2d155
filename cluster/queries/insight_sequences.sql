-- Sequences that could come to an end, with what ends them and the file that their value is in: those of small types and
-- those that feed a column of one, before all others. What goes round is left out, unless its column ends before it does.
WITH fed AS (
    SELECT d.objid AS seq, d.refobjid AS relid, d.refobjsubid AS num, d.deptype = 'i' AS identity
    FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = d.objid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    UNION ALL
    SELECT d.refobjid, a.adrelid, a.adnum, false
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_attrdef AS a ON a.oid = d.objid
    JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = d.refobjid
    WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
), columns AS (
    SELECT DISTINCT ON (f.seq) f.seq, f.relid, a.attname, f.identity,
           CASE a.atttypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 END::pg_catalog.int8 AS most
    FROM fed AS f JOIN pg_catalog.pg_attribute AS a ON a.attrelid = f.relid AND a.attnum = f.num
    WHERE NOT a.attisdropped
    ORDER BY f.seq, most NULLS LAST, f.identity DESC
), chosen AS MATERIALIZED (
    SELECT s.*, c.relname, c.relnamespace, k.relid, k.attname, k.identity, k.most AS column_most,
           pg_catalog.count(*) OVER ()::int AS found
    FROM pg_catalog.pg_sequence AS s
    JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
    LEFT JOIN columns AS k ON k.seq = s.seqrelid
    WHERE c.relpersistence <> 't' AND (NOT s.seqcycle OR k.most < s.seqmax)
    ORDER BY least(s.seqmax, k.most) > 2147483647, pg_catalog.pg_stat_get_blocks_fetched(s.seqrelid) DESC
    LIMIT 20000
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(s.relname) AS name,
       coalesce(pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname), '') AS "table",
       coalesce(pg_catalog.quote_ident(s.attname), '') AS "column",
       coalesce(s.identity, false) AS identity,
       s.column_most,
       pg_catalog.format_type(s.seqtypid, NULL) AS type,
       s.seqmin AS least, s.seqmax AS most, s.seqincrement AS step, s.seqcycle AS cycles,
       pg_catalog.pg_relation_filepath(s.seqrelid) AS path,
       s.found AS "all"
FROM chosen AS s
JOIN pg_catalog.pg_namespace AS n ON n.oid = s.relnamespace
LEFT JOIN pg_catalog.pg_class AS t ON t.oid = s.relid
LEFT JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
