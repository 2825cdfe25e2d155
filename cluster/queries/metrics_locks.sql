-- Locks by database and mode, zero where there are none.
SELECT d.datname::text AS datname, lower(m.mode) AS mode, count(l.mode) AS count
FROM pg_database d
CROSS JOIN (VALUES ('AccessShareLock'), ('RowShareLock'), ('RowExclusiveLock'), ('ShareUpdateExclusiveLock'),
                   ('ShareLock'), ('ShareRowExclusiveLock'), ('ExclusiveLock'), ('AccessExclusiveLock'),
                   ('SIReadLock')) AS m(mode)
LEFT JOIN pg_locks l ON l.database = d.oid AND l.mode = m.mode
WHERE NOT d.datistemplate
GROUP BY 1, 2
