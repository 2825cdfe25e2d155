"""Restoring: first a plan, which says what can be reached, then a directory that holds a cluster or nothing."""

from backup.restore.execute import Restored, restore
from backup.restore.plan import Plan, plan
from backup.restore.recovery_settings import Recovery
from backup.restore.target import RecoveryTarget, check_target
from backup.restore.wal_coverage import WalCoverage, read_archive

__all__ = [
    "Plan",
    "Recovery",
    "RecoveryTarget",
    "Restored",
    "WalCoverage",
    "check_target",
    "plan",
    "read_archive",
    "restore",
]
