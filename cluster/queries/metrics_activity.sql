-- Sessions by database and state, every state of every database present. Beyond twenty, programs are called `other`.
WITH sessions AS (
    SELECT datname, coalesce(state, 'disabled') AS state, usename, application_name, xact_start
    FROM pg_catalog.pg_stat_activity
    WHERE pid <> pg_catalog.pg_backend_pid() AND datname IS NOT NULL AND backend_type = 'client backend'
), known AS (
    SELECT application_name FROM sessions GROUP BY 1 ORDER BY pg_catalog.count(*) DESC, 1 LIMIT 20
), states AS (
    SELECT d.datname, s.state
    FROM pg_catalog.pg_database d
    CROSS JOIN (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'),
                       ('fastpath function call'), ('disabled')) AS s(state)
    WHERE d.datallowconn AND NOT d.datistemplate
)
SELECT states.datname, states.state,
       coalesce(s.usename, '') AS usename,
       CASE WHEN s.application_name IS NULL THEN ''
            WHEN s.application_name IN (SELECT application_name FROM known) THEN s.application_name
            ELSE 'other' END AS application_name,
       pg_catalog.count(s.state) AS count,
       coalesce(pg_catalog.max(extract(epoch FROM pg_catalog.now() - s.xact_start)), 0)::pg_catalog.float8 AS max_tx_duration
FROM states LEFT JOIN sessions s USING (datname, state)
GROUP BY 1, 2, 3, 4
