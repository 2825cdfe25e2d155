-- Tables that cost: many dead rows, old transaction ids, much read from end to end; bounded, the costliest of each kind
-- first. Nothing here waits for a lock: sizes are those that vacuum and analyze wrote down.
WITH counted AS MATERIALIZED (
    SELECT c.oid, c.relnamespace, c.relname, c.relpages, c.reltuples, c.reloptions, c.reltoastrelid,
           greatest(pg_catalog.age(c.relfrozenxid), pg_catalog.age(t.relfrozenxid))::pg_catalog.int8 AS frozen_age,
           pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead,
           CASE WHEN c.relpages >= 1280 THEN pg_catalog.pg_stat_get_tuples_returned(c.oid) ELSE 0 END AS scanned_rows
    FROM pg_catalog.pg_class AS c LEFT JOIN pg_catalog.pg_class AS t ON t.oid = c.reltoastrelid
    WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
), chosen AS (
    (SELECT oid FROM counted WHERE dead >= 1000 ORDER BY dead DESC LIMIT 60)
    UNION (SELECT oid FROM counted ORDER BY frozen_age DESC LIMIT 20)
    UNION (SELECT oid FROM counted WHERE relpages >= 1280 ORDER BY relpages DESC LIMIT 60)
    UNION (SELECT oid FROM counted WHERE scanned_rows > 0 ORDER BY scanned_rows DESC LIMIT 60)
)
SELECT c.oid::pg_catalog.int8 AS oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name,
       c.relpages::pg_catalog.int8 * 8192 AS bytes, c.reltuples::pg_catalog.float8 AS rows, c.frozen_age, c.dead,
       pg_catalog.pg_stat_get_live_tuples(c.oid) AS live,
       coalesce(c.reloptions, '{}') AS options,
       extract(epoch FROM greatest(pg_catalog.pg_stat_get_last_vacuum_time(c.oid),
                                   pg_catalog.pg_stat_get_last_autovacuum_time(c.oid)))::pg_catalog.float8 AS vacuumed,
       extract(epoch FROM greatest(pg_catalog.pg_stat_get_last_analyze_time(c.oid),
                                   pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid)))::pg_catalog.float8 AS analyzed,
       c.oid IN (SELECT relid FROM pg_catalog.pg_stat_progress_vacuum) AS vacuuming,
       coalesce(pg_catalog.pg_relation_filepath(c.oid), '') AS path
FROM counted AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid IN (SELECT oid FROM chosen)
