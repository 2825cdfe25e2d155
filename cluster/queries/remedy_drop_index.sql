-- Suggested: removes an index, while others read and write.
DROP INDEX CONCURRENTLY {index}
