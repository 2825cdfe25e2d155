-- What keeps vacuum from removing old row versions: how many transactions ago the oldest of each kind began, 0 for none.
SELECT k.held_by, coalesce(pg_catalog.max(o.age), 0) AS xmin_age
FROM (VALUES ('session'), ('replica'), ('slot'), ('slot_catalog'), ('prepared')) AS k(held_by)
LEFT JOIN (
    SELECT CASE backend_type WHEN 'walsender' THEN 'replica' ELSE 'session' END AS held_by,
           greatest(pg_catalog.age(backend_xmin), pg_catalog.age(backend_xid)) AS age
    FROM pg_catalog.pg_stat_activity
    WHERE pid <> pg_catalog.pg_backend_pid() AND backend_type <> 'autovacuum worker'
      AND pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum)
    UNION ALL
    SELECT 'slot', pg_catalog.age(xmin) FROM pg_catalog.pg_replication_slots WHERE invalidation_reason IS NULL
    UNION ALL
    SELECT 'slot_catalog', pg_catalog.age(catalog_xmin) FROM pg_catalog.pg_replication_slots WHERE invalidation_reason IS NULL
    UNION ALL
    SELECT 'prepared', pg_catalog.age(transaction) FROM pg_catalog.pg_prepared_xacts
) AS o USING (held_by)
GROUP BY 1
