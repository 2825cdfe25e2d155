-- PgBouncer's auth_query: the verifier of an ordinary login role. Never a superuser's or one of the cluster's own,
-- so that nobody can be more than an application through the pools.
CREATE SCHEMA IF NOT EXISTS pods;
REVOKE ALL ON SCHEMA pods FROM PUBLIC;
CREATE OR REPLACE FUNCTION pods.user_lookup(login text, OUT username name, OUT password text)
    RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END
    FROM pg_authid
    WHERE rolname = login AND rolcanlogin AND NOT rolsuper AND NOT rolreplication
      AND rolname NOT IN ('pooler', 'monitor', 'archiver')
$function$;
REVOKE ALL ON FUNCTION pods.user_lookup(text) FROM PUBLIC;
GRANT USAGE ON SCHEMA pods TO pooler;
GRANT EXECUTE ON FUNCTION pods.user_lookup(text) TO pooler;
COMMENT ON FUNCTION pods.user_lookup(text) IS {version}
