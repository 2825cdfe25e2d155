"""Settings of backups, their stores and their retention."""

from dataclasses import dataclass

from cluster.config.alert_settings import AlertSettings
from cluster.config.declaration import BACKUPS, setting
from cluster.config.validators import (
    AUTO,
    bucket,
    no_space,
    one_of,
    path_or_nothing,
    region,
    s3_prefix,
    schedule,
    schedule_or_off,
    size,
    time_zone,
    web_url,
    whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSettings(AlertSettings):
    """Sizes are bytes, durations seconds."""

    backup: str = setting("on", one_of("on", "off"), "Whether backups are taken and WAL is archived.", BACKUPS)
    backup_schedule: str = setting(
        "0 2 * * *",
        schedule,
        "When a backup is taken: minute, hour, day of month, month, day of week.",
        BACKUPS,
        variable="BACKUP_SCHEDULE",
    )
    backup_full_schedule: str = setting(
        "0 2 * * 0",
        schedule,
        "When one is due that is full; the others hold what changed since. The same as the schedule: always full.",
        BACKUPS,
        variable="BACKUP_FULL_SCHEDULE",
    )
    backup_drill_schedule: str = setting(
        "30 4 * * 0",
        schedule_or_off,
        "When the newest backup is restored into a throw-away server and looked at; off: never.",
        BACKUPS,
        variable="BACKUP_DRILL_SCHEDULE",
    )
    backup_time_zone: str = setting(
        "UTC", time_zone, "Time zone of the schedules.", BACKUPS, variable="BACKUP_TIME_ZONE"
    )
    backup_retention_days: int = setting(
        "7",
        whole(0, 36_500),
        "Any moment of so many last days can be restored to; 0: this rule is off.",
        BACKUPS,
        variable="BACKUP_RETENTION_DAYS",
    )
    backup_retention_count: int = setting(
        "0", whole(0, 10_000), "So many newest backups stay.", BACKUPS, variable="BACKUP_RETENTION_COUNT"
    )
    backup_retention_daily: int = setting(
        "0", whole(0, 10_000), "The newest of each of so many days stays.", BACKUPS, variable="BACKUP_RETENTION_DAILY"
    )
    backup_retention_weekly: int = setting(
        "0", whole(0, 10_000), "The newest of each of so many weeks stays.", BACKUPS, variable="BACKUP_RETENTION_WEEKLY"
    )
    backup_incremental: str = setting(
        AUTO,
        one_of(AUTO, "always"),
        "Incremental backups; auto: where the server's release makes ones that can be trusted; always: of any release.",
        BACKUPS,
        variable="BACKUP_INCREMENTAL",
    )
    backup_retention_monthly: int = setting(
        "0",
        whole(0, 10_000),
        "The newest of each of so many months stays.",
        BACKUPS,
        variable="BACKUP_RETENTION_MONTHLY",
    )
    backup_retention_yearly: int = setting(
        "0", whole(0, 10_000), "The newest of each of so many years stays.", BACKUPS, variable="BACKUP_RETENTION_YEARLY"
    )
    backup_retention_minimum: int = setting(
        "1", whole(1, 10_000), "So many newest backups always stay.", BACKUPS, variable="BACKUP_RETENTION_MINIMUM"
    )
    backup_stores: str = setting(
        AUTO,
        one_of(AUTO, "local", "s3", "local,s3"),
        "Where backups go; auto: to S3 where AWS_S3_BUCKET is set, else to a directory.",
        BACKUPS,
        variable="BACKUP_STORES",
    )
    backup_directory: str = setting(
        "",
        path_or_nothing,
        "Directory of the local store, better on another disk; empty: data/backups.",
        BACKUPS,
        variable="BACKUP_DIRECTORY",
    )
    backup_tail_seconds: int = setting(
        "10",
        whole(1, 3600),
        "Seconds between two pieces of the unfinished WAL segment: what is lost with the whole host.",
        BACKUPS,
        variable="BACKUP_TAIL_SECONDS",
    )
    backup_spool: int = setting(
        "10GB", size("256MB"), "WAL kept here while no store takes it.", BACKUPS, variable="BACKUP_SPOOL"
    )
    backup_level: int = setting("3", whole(1, 19), "zstd level.", BACKUPS, variable="BACKUP_LEVEL")
    backup_workers: int = setting(
        "2", whole(0, 64), "zstd threads of the server that gives a backup.", BACKUPS, variable="BACKUP_WORKERS"
    )
    backup_rate: int = setting(
        "0",
        whole(0, 1_048_576),
        "Most kB a second that a backup reads from the server; 0: no limit.",
        BACKUPS,
        variable="BACKUP_RATE",
    )
    backup_encryption: str = setting(
        "off",
        one_of("on", "off"),
        "Encrypt before anything leaves, with the key in secrets/backup_key. Keep a copy of that key elsewhere.",
        BACKUPS,
        variable="BACKUP_ENCRYPTION",
    )
    s3_bucket: str = setting("", bucket, "Bucket of the S3 store.", BACKUPS, variable="AWS_S3_BUCKET")
    s3_prefix: str = setting(
        "", s3_prefix, "What every object's name there begins with.", BACKUPS, variable="AWS_S3_PREFIX"
    )
    s3_access_key: str = setting(
        "", no_space, "Access key of the S3 store.", BACKUPS, variable="AWS_ACCESS_KEY_ID", secret=True
    )
    s3_secret_key: str = setting(
        "",
        no_space,
        "Secret key of the S3 store; .env then wants mode 0600.",
        BACKUPS,
        variable="AWS_SECRET_ACCESS_KEY",
        secret=True,
    )
    s3_region: str = setting("", region, "Region of the bucket.", BACKUPS, variable="AWS_REGION")
    s3_endpoint: str = setting(
        "", web_url, "Address of a store that is not Amazon's.", BACKUPS, variable="AWS_ENDPOINT_URL"
    )
    s3_plain: str = setting(
        "off",
        one_of("on", "off"),
        "Whether backups that are not encrypted may go to an http:// address of another machine.",
        BACKUPS,
        variable="BACKUP_PLAIN_HTTP",
    )
    s3_ca: str = setting(
        "",
        path_or_nothing,
        "File of the CA certificates that the S3 store's own is signed by; empty: the usual ones.",
        BACKUPS,
        variable="AWS_CA_BUNDLE",
    )
    s3_encryption: str = setting(
        "",
        one_of("", "AES256", "aws:kms"),
        "Server-side encryption to ask of the store.",
        BACKUPS,
        variable="AWS_S3_ENCRYPTION",
    )
    s3_kms_key: str = setting(
        "", no_space, "Key for aws:kms; empty: the account's own.", BACKUPS, variable="AWS_S3_KMS_KEY"
    )
