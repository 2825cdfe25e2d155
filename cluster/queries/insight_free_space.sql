-- What vacuum found to be free in these tables, by the file of each.
SELECT f.path, f.every, f.slots FROM pods.free_space(%s::pg_catalog.text[]) AS f
