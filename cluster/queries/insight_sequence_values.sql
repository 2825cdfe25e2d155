-- Where these sequences are, by the file of each, as the last checkpoint left it.
SELECT v.path, v.value FROM pods.sequence_values(%s::pg_catalog.text[]) AS v
