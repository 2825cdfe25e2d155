"""Base backups: taken over the replication protocol, streamed into the stores, listed once they can be restored."""

from backup.base.take import BackupOptions, BackupSite, Taken, take

__all__ = ["BackupOptions", "BackupSite", "Taken", "take"]
