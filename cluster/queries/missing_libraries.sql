-- Libraries that functions of this database are in and that this server does not have, with the extension they belong to.
-- As the server finds them: $libdir is its own directory, and so is none.
WITH home AS (SELECT c.setting FROM pg_catalog.pg_config() c WHERE c.name = 'PKGLIBDIR'),
used AS (
    SELECT p.probin, pg_catalog.min(e.extname::pg_catalog.text) AS extension, pg_catalog.min(e.extversion) AS version
    FROM pg_catalog.pg_proc p
    LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
         AND d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
    LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    WHERE p.probin IS NOT NULL AND p.prolang = (SELECT l.oid FROM pg_catalog.pg_language l WHERE l.lanname = 'c')
    GROUP BY 1
), path AS (
    SELECT u.*, CASE WHEN u.probin ~ '^[$]libdir/' THEN pg_catalog.replace(u.probin, '$libdir', h.setting)
                     WHEN u.probin ~ '/' THEN u.probin
                     ELSE h.setting || '/' || u.probin END AS file
    FROM used u, home h
)
SELECT t.probin AS library, coalesce(t.extension, '') AS extension, coalesce(t.version, '') AS version
FROM path t
WHERE (pg_catalog.pg_stat_file(pg_catalog.regexp_replace(t.file, '[.]so$', '') || '.so', true)).size IS NULL
ORDER BY 1
