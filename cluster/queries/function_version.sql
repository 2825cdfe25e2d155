-- What the comment of a function of ours says it was made from; NULL where it is missing or somebody else could change it.
SELECT (SELECT pg_catalog.obj_description(p.oid, 'pg_proc')
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE p.oid = pg_catalog.to_regprocedure(%s)
          AND p.proowner = 10 AND n.nspowner = 10) AS version
