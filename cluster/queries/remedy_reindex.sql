-- Suggested: makes an index anew, while others read and write.
REINDEX INDEX CONCURRENTLY {index}
