-- How much of a table of any database vacuum found to be free, from the map that is a file beside it: one byte for each
-- page, in steps of 32 bytes. Of a large map some blocks, evenly spread. The first two blocks, and one in 4,070 after that, are
-- sums of the others. As sequence_values: no lock, and nothing of what is in the table.
DROP FUNCTION IF EXISTS pods.free_space(pg_catalog.text[]);
CREATE FUNCTION pods.free_space(paths pg_catalog.text[], OUT path pg_catalog.text, OUT every pg_catalog.int8, OUT slots pg_catalog.bytea)
    RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT block.path, block.every, pg_catalog.substr(block.bytes, 4124, 4069)
    FROM (
        SELECT map.path, map.every,
               pg_catalog.pg_read_binary_file(map.path || '_fsm', 8192 * number.at, 8192, true) AS bytes
        FROM (
            SELECT given.path, file.size / 8192 AS blocks, greatest(1, file.size / 8192 / 32) AS every
            FROM pg_catalog.unnest(paths) AS given(path), LATERAL pg_catalog.pg_stat_file(given.path || '_fsm', true) AS file
            WHERE given.path ~ '^(base|pg_tblspc/[0-9]+/PG_[0-9]+_[0-9]+)/[0-9]+/[0-9]+$'
        ) AS map, LATERAL pg_catalog.generate_series(2, map.blocks - 1, map.every) AS number(at)
        WHERE (number.at - 1) % 4070 <> 0
    ) AS block
    WHERE pg_catalog.length(block.bytes) = 8192
$function$;
REVOKE ALL ON FUNCTION pods.free_space(pg_catalog.text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pods.free_space(pg_catalog.text[]) TO monitor;
COMMENT ON FUNCTION pods.free_space(pg_catalog.text[]) IS {version}
