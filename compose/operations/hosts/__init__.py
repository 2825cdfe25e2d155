"""More than one Docker host, and the way out to another engine."""
