-- PgBouncer's auth_query: the verifier of an ordinary login role. Never a superuser's or one of the cluster's own,
-- so that nobody can be more than an application through the pools. In the database postgres, where no application is.
CREATE SCHEMA IF NOT EXISTS pods;
ALTER SCHEMA pods OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA pods FROM PUBLIC;
DROP FUNCTION IF EXISTS pods.user_lookup(pg_catalog.text);
CREATE FUNCTION pods.user_lookup(login pg_catalog.text, OUT username pg_catalog.name, OUT password pg_catalog.text)
    RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT rolname, CASE WHEN rolvaliduntil < pg_catalog.now() THEN NULL ELSE rolpassword END
    FROM pg_catalog.pg_authid
    WHERE rolname = login AND rolcanlogin AND NOT rolsuper AND NOT rolreplication
      AND rolname NOT IN ('pooler', 'monitor', 'archiver')
$function$;
REVOKE ALL ON FUNCTION pods.user_lookup(pg_catalog.text) FROM PUBLIC;
GRANT USAGE ON SCHEMA pods TO pooler;
GRANT EXECUTE ON FUNCTION pods.user_lookup(pg_catalog.text) TO pooler;
COMMENT ON FUNCTION pods.user_lookup(pg_catalog.text) IS {version}
