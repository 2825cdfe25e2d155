-- What the image of a node has, in the version that CREATE EXTENSION takes.
SELECT a.name, a.default_version AS version, coalesce(a.comment, '') AS comment
FROM pg_catalog.pg_available_extensions() a
ORDER BY 1
