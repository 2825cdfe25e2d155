-- What this node has counted of some tables and indexes: scans, and rows that a sequential scan has read.
SELECT o.oid, pg_catalog.pg_stat_get_numscans(o.oid::pg_catalog.oid) AS scans,
       pg_catalog.pg_stat_get_tuples_returned(o.oid::pg_catalog.oid) AS rows
FROM pg_catalog.unnest(%s::pg_catalog.int8[]) AS o(oid)
