-- Until this transaction ends nobody else makes a function, an operator or a type; reading them goes on.
LOCK TABLE pg_catalog.pg_proc, pg_catalog.pg_operator, pg_catalog.pg_type IN SHARE MODE
