-- Bytes of the file in which the server keeps the texts of statements; it reads all of it into memory for any question.
CREATE SCHEMA IF NOT EXISTS pods;
ALTER SCHEMA pods OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA pods FROM PUBLIC;
DROP FUNCTION IF EXISTS pods.texts_size();
CREATE FUNCTION pods.texts_size() RETURNS pg_catalog.int8
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT coalesce(pg_catalog.max(file.size), 0)
    FROM pg_catalog.pg_stat_file('pg_stat_tmp/pgss_query_texts.stat', true) AS file
$function$;
REVOKE ALL ON FUNCTION pods.texts_size() FROM PUBLIC;
GRANT USAGE ON SCHEMA pods TO monitor;
GRANT EXECUTE ON FUNCTION pods.texts_size() TO monitor;
COMMENT ON FUNCTION pods.texts_size() IS {version}
