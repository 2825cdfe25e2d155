-- Suggested: removes an index of a partitioned table, which cannot be done concurrently.
DROP INDEX {index}
