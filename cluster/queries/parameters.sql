-- When parameters of these names can change, what they are unless set, and which of them ALTER SYSTEM set here.
SELECT name, context, coalesce(boot_val, '') AS standard,
       coalesce(sourcefile LIKE '%%/postgresql.auto.conf', false) AS altered
FROM pg_catalog.pg_settings
WHERE name = ANY (%s)
