-- What new sessions begin with and PgBouncer remembers, one line each: what is set on roles and databases, and in the
-- files for parameters that the server reports to its clients.
SELECT pg_catalog.format('%s/%s %s', s.setdatabase, s.setrole, c.setting) AS line
FROM pg_catalog.pg_db_role_setting s
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
UNION ALL
SELECT pg_catalog.format('file %s=%s', f.name, f.setting)
FROM pg_catalog.pg_file_settings f
WHERE f.applied
  AND pg_catalog.lower(f.name) IN (
    'application_name', 'client_encoding', 'datestyle', 'default_transaction_read_only', 'intervalstyle',
    'scram_iterations', 'search_path', 'standard_conforming_strings', 'timezone'
  )
ORDER BY 1
