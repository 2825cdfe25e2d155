-- Databases that may be read, the busiest first; templates and what lets nobody in have nothing to show.
SELECT d.datname::pg_catalog.text AS name
FROM pg_catalog.pg_database AS d LEFT JOIN pg_catalog.pg_stat_database AS s ON s.datid = d.oid
WHERE d.datallowconn AND NOT d.datistemplate AND pg_catalog.has_database_privilege(d.oid, 'CONNECT')
ORDER BY coalesce(s.blks_hit + s.blks_read, 0) DESC, d.datname
