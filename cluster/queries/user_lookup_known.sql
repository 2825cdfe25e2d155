-- What the function's comment says it was made from, or NULL where it is missing.
SELECT obj_description(to_regprocedure('pods.user_lookup(text)'), 'pg_proc') AS version
