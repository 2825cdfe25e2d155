-- Suggested: gives a sequence the range of bigint.
ALTER SEQUENCE {sequence} AS bigint {bound}
