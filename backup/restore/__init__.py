"""Restoring: first a plan, which says what can be reached, then a directory that holds a cluster or nothing."""

from backup.restore.archive import Archive, read_archive
from backup.restore.plan import Plan, plan
from backup.restore.recovery import Recovery
from backup.restore.restoring import Restored, restore
from backup.restore.target import Target, check_target

__all__ = [
    "Archive",
    "Plan",
    "Recovery",
    "Restored",
    "Target",
    "check_target",
    "plan",
    "read_archive",
    "restore",
]
