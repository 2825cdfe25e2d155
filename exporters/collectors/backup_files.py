"""Rows of the backup service's status."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.backup_status import ArchiveStatus, BackupAttempts, BackupStatus, StoreStatus, read_status
from exporters.declarations import Row

STATUS = Path("/run/backup")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReading:
    """Rows by source; a status that is missing or broken gives none."""

    rows: dict[str, list[Row]] = field(default_factory=dict)


def read_backups(directory: Path = STATUS) -> BackupReading:
    """Read ``status.json``."""
    status = read_status(directory)
    return BackupReading(rows={**status_rows(status), **(archive_rows(status.archive) if status.archive else {})})


def status_rows(status: BackupStatus) -> dict[str, list[Row]]:
    """Rows of what the service remembers of backups; none before it remembers anything."""
    if not status.updated:
        return {}
    drill = status.drill
    return {
        "backups": [_backup(name, result) for name, result in status.backups.items()],
        "backup_counts": list(_counts(status.stores)),
        "backup_stores": [_store(name, store) for name, store in status.stores.items()],
        "backup_service": [
            {
                "scheduled_interval_seconds": status.interval,
                "in_progress": int(bool(status.running)),
                "drill_last_timestamp_seconds": drill.when if drill else None,
                "drill_success": int(drill.ok) if drill else None,
                "drill_rto_seconds": drill.rto if drill else None,
                "drill_databases": drill.databases if drill else None,
            }
        ],
    }


def _backup(name: str, result: BackupAttempts) -> Row:
    kind, _, store = name.partition("/")
    return {
        "type": kind,
        "storage": store,
        "last_success_timestamp_seconds": result.last_success,
        "last_failure_timestamp_seconds": result.last_failure,
        "last_duration_seconds": result.last_duration,
        "last_size_bytes": result.last_size,
    }


def _counts(stores: Mapping[str, StoreStatus]) -> Iterator[Row]:
    for name, store in stores.items():
        for kind in ("full", "incremental"):
            yield {"type": kind, "storage": name, "kept": store.counts.get(kind, 0)}


def _store(name: str, store: StoreStatus) -> Row:
    return {
        "storage": name,
        "oldest_recoverable_timestamp_seconds": store.oldest,
        "newest_recoverable_timestamp_seconds": store.newest,
        "last_verify_timestamp_seconds": store.verified,
        "damaged": store.broken,
        "untrusted": store.untrusted,
        "missing_wal_segments": store.missing,
        "stored_bytes": store.bytes,
        "stored_wal_bytes": store.wal_bytes,
        "mended_wal_segments_total": store.mended,
        "store_up": int(not store.error),
    }


def archive_rows(archive: ArchiveStatus) -> dict[str, list[Row]]:
    """Rows of the WAL archiver."""
    return {
        "archive": [
            {
                "updated_timestamp_seconds": archive.updated,
                "streaming": int(archive.streaming),
                "spool_bytes": archive.spool_bytes,
                "spool_limit_bytes": archive.spool_limit,
                "gaps": archive.gaps,
                "full_wanted": int(bool(archive.full_wanted)),
            }
        ],
        "archive_stores": [
            {
                "storage": store.name,
                "last_success_timestamp_seconds": store.shipped_at,
                "lag_bytes": store.behind,
                "lag_seconds": store.lag,
                "ready_files": store.waiting,
                "failing": int(bool(store.error)),
                "segments_total": store.segments,
                "conflicts_total": store.conflicts,
            }
            for store in archive.stores
        ],
    }
