-- Transaction ids of the primary, and prepared transactions, which stay until somebody ends them, restarts included.
WITH ids AS (
    SELECT pg_catalog.pg_snapshot_xmax(s)::pg_catalog.text::pg_catalog.numeric AS next,
           pg_catalog.pg_snapshot_xmin(s)::pg_catalog.text::pg_catalog.numeric AS oldest
    FROM pg_catalog.pg_current_snapshot() AS s
    WHERE NOT pg_catalog.pg_is_in_recovery()
)
SELECT (ids.next % 4503599627370496)::pg_catalog.float8 AS current,
       (ids.oldest % 4503599627370496)::pg_catalog.float8 AS xmin,
       (ids.next - ids.oldest)::pg_catalog.float8 AS xmin_age,
       p.transactions,
       p.oldest_seconds
FROM (SELECT pg_catalog.count(*) AS transactions,
             coalesce(extract(epoch FROM pg_catalog.now() - pg_catalog.min(prepared)), 0)::pg_catalog.float8 AS oldest_seconds
      FROM pg_catalog.pg_prepared_xacts) AS p
LEFT JOIN ids ON true
