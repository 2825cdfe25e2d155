-- The texts of some statements, cut where they are longer than anybody reads.
SELECT DISTINCT ON (d.datname, s.queryid) d.datname::pg_catalog.text AS database, s.queryid,
       pg_catalog."left"(s.query, 4000) AS text
FROM public.pg_stat_statements(true) AS s
JOIN pg_catalog.pg_database AS d ON d.oid = s.dbid
WHERE s.queryid = ANY (%s::pg_catalog.int8[])
