-- Locks by database and mode, zero where there are none.
SELECT d.datname::pg_catalog.text AS datname, pg_catalog.lower(m.mode) AS mode, pg_catalog.count(l.mode) AS count
FROM pg_catalog.pg_database d
CROSS JOIN (VALUES ('AccessShareLock'), ('RowShareLock'), ('RowExclusiveLock'), ('ShareUpdateExclusiveLock'),
                   ('ShareLock'), ('ShareRowExclusiveLock'), ('ExclusiveLock'), ('AccessExclusiveLock'),
                   ('SIReadLock')) AS m(mode)
LEFT JOIN pg_catalog.pg_locks l ON l.database = d.oid AND l.mode = m.mode
WHERE NOT d.datistemplate
GROUP BY 1, 2
