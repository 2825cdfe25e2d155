-- Suggested: gives a column of small integers the type bigint.
ALTER TABLE {table} ALTER COLUMN {column} TYPE bigint
