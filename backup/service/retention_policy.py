"""Retention as the settings ask for it."""

from zoneinfo import ZoneInfo

from backup.retention import Policy
from cluster.config.env_file import Settings


def policy_of(settings: Settings) -> Policy:
    """The rules that settings ask for."""
    return Policy(
        zone=ZoneInfo(settings.backup_time_zone),
        days=settings.backup_retention_days,
        count=settings.backup_retention_count,
        daily=settings.backup_retention_daily,
        weekly=settings.backup_retention_weekly,
        monthly=settings.backup_retention_monthly,
        yearly=settings.backup_retention_yearly,
        minimum=settings.backup_retention_minimum,
    )
