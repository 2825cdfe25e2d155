"""Backups and restores as the host drives them: what is asked of the service, and the steps that swap data."""
