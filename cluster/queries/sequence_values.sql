-- Where sequences of any database are, from the one page that is the file of each, as the last checkpoint left it: no
-- lock is taken, and nothing of an application's is called. Whoever calls it is shown numbers of sequences alone: a file
-- that has not the mark of a sequence gives nothing. In the database postgres, where no application is.
CREATE SCHEMA IF NOT EXISTS pods;
ALTER SCHEMA pods OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA pods FROM PUBLIC;
DROP FUNCTION IF EXISTS pods.sequence_values(pg_catalog.text[]);
CREATE FUNCTION pods.sequence_values(paths pg_catalog.text[], OUT path pg_catalog.text, OUT value pg_catalog.int8)
    RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT page.path, pg_catalog.reverse(pg_catalog.substr(page.bytes, page.data + 1, 8))::pg_catalog.int8
    FROM (
        SELECT item.path, item.bytes,
               CASE WHEN item.start BETWEEN 28 AND 8136
                    THEN item.start + pg_catalog.get_byte(item.bytes, item.start + 22) END AS data
        FROM (
            SELECT file.path, file.bytes,
                   CASE WHEN pg_catalog.length(file.bytes) = 8192
                             AND pg_catalog.substr(file.bytes, 17, 2) = '\xf81f'::pg_catalog.bytea
                             AND pg_catalog.substr(file.bytes, 8185, 4) = '\x17170000'::pg_catalog.bytea
                        THEN pg_catalog.get_byte(file.bytes, 24) + 256 * (pg_catalog.get_byte(file.bytes, 25) & 127)
                   END AS start
            FROM (
                SELECT given.path, pg_catalog.pg_read_binary_file(given.path, 0, 8192, true) AS bytes
                FROM pg_catalog.unnest(paths) AS given(path)
                WHERE given.path ~ '^(base|pg_tblspc/[0-9]+/PG_[0-9]+_[0-9]+)/[0-9]+/[0-9]+$'
            ) AS file
        ) AS item
    ) AS page
    WHERE CASE WHEN page.data <= 8168 THEN true ELSE false END
$function$;
REVOKE ALL ON FUNCTION pods.sequence_values(pg_catalog.text[]) FROM PUBLIC;
GRANT USAGE ON SCHEMA pods TO monitor;
GRANT EXECUTE ON FUNCTION pods.sequence_values(pg_catalog.text[]) TO monitor;
COMMENT ON FUNCTION pods.sequence_values(pg_catalog.text[]) IS {version}
