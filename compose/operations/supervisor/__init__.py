"""Automatic failover: a service that watches the primary, and makes another node the primary where that is safe."""
