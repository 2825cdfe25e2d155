"""Backups and restores, driven from the host: calls of the backup service, and the steps that replace data."""
