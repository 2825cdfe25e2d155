"""Work that goes from node to node, and that clients of PgBouncer do not notice."""
