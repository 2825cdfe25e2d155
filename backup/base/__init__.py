"""Base backups: taken over the replication protocol, streamed into the stores, listed once they can be restored."""

from backup.base.taking import Options, Site, Taken, take

__all__ = ["Options", "Site", "Taken", "take"]
