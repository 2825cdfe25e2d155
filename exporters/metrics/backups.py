"""The metrics of backups and of the WAL archive, from the backup service's status files."""

from exporters.declarations import Family, counter, gauge

_KIND = ("type", "storage")

FAMILIES = (
    Family(
        source="backups",
        prefix="pods_backup_",
        labels=_KIND,
        metrics=(
            gauge("last_success_timestamp_seconds", "When the last backup of this type got into the store, Unix time."),
            gauge("last_failure_timestamp_seconds", "When the last one failed to, Unix time."),
            gauge("last_duration_seconds", "How long the last good one took."),
            gauge("last_size_bytes", "How big the last good one is, as stored."),
        ),
    ),
    Family(
        source="backup_counts",
        prefix="pods_backup_",
        labels=_KIND,
        metrics=(gauge("kept", "Backups in the store."),),
    ),
    Family(
        source="backup_stores",
        prefix="pods_backup_",
        labels=("storage",),
        metrics=(
            gauge("oldest_recoverable_timestamp_seconds", "The first moment that can be restored to, Unix time."),
            gauge("newest_recoverable_timestamp_seconds", "The last one, when it was last looked at, Unix time."),
            gauge("last_verify_timestamp_seconds", "When a backup's bytes were last checked and good, Unix time."),
            gauge("damaged", "Backups whose last check found damage."),
            gauge("untrusted", "Backups that rest on incremental ones of before 18.7, which can hold old data."),
            gauge("missing_wal_segments", "Segments of WAL that are missing, and no recorded gap explains it."),
            gauge("stored_bytes", "Bytes of all backups."),
            gauge("stored_wal_bytes", "Bytes of all archived WAL."),
            counter("mended_wal_segments_total", "Segments of WAL that the store lacked and got from another."),
            gauge("store_up", "1 if the store answered when it was last looked through."),
        ),
    ),
    Family(
        source="backup_service",
        prefix="pods_backup_",
        metrics=(
            gauge("scheduled_interval_seconds", "The longest time between two scheduled backups."),
            gauge("in_progress", "1 while a backup is being taken."),
            gauge("drill_last_timestamp_seconds", "When the newest backup was last restored for proof, Unix time."),
            gauge("drill_success", "1 if that went well."),
            gauge("drill_rto_seconds", "How long it took until the restored server answered."),
            gauge("drill_databases", "Declared databases that were in it, and were opened and checked."),
        ),
    ),
    Family(
        source="archive",
        prefix="pods_wal_archive_",
        metrics=(
            gauge("updated_timestamp_seconds", "When the archiver last said anything, Unix time."),
            gauge("streaming", "1 while WAL is received."),
            gauge("spool_bytes", "WAL kept here until every store has it."),
            gauge("spool_limit_bytes", "How much of it there may be."),
            gauge("gaps", "Gaps that were noticed: WAL that PostgreSQL had removed before it was received."),
            gauge("full_wanted", "1 if only a new full backup closes a gap."),
        ),
    ),
    Family(
        source="archive_stores",
        prefix="pods_wal_archive_",
        labels=("storage",),
        metrics=(
            gauge("last_success_timestamp_seconds", "When WAL was last stored, Unix time."),
            gauge("lag_bytes", "WAL received that the store lacks."),
            gauge("lag_seconds", "How long ago the oldest of it was received."),
            gauge("ready_files", "Files that wait to be stored."),
            gauge("failing", "1 while the store takes nothing."),
            counter("segments_total", "Segments stored since the service started."),
            counter("conflicts_total", "Segments that were there already with other contents, and were left alone."),
        ),
    ),
)
