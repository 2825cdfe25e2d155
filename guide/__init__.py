"""The guide beside a PgBouncer: its pools follow whichever node is the primary. It promotes nobody and stops nobody."""
