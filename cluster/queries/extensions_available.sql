-- What the image of this node has: every version of these extensions. `schema` is "" where it may be chosen.
SELECT v.name, v.version, v.relocatable, coalesce(v.schema, '') AS schema,
       coalesce(v.requires, '{}')::pg_catalog.text[] AS requires, v.version = a.default_version AS newest
FROM pg_catalog.pg_available_extension_versions() v
JOIN pg_catalog.pg_available_extensions() a ON a.name = v.name
ORDER BY 1, 2
