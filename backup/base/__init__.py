"""Base backups: taken over the replication protocol, streamed into the stores, listed once they can be restored."""

from backup.base.take import BackupOptions, BackupResult, BackupSite, take

__all__ = ["BackupOptions", "BackupResult", "BackupSite", "take"]
