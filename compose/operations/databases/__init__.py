"""Declared databases and roles: what the server has, what it lacks, and making that."""
