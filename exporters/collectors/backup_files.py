"""Rows of the backup service's two status files."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.documents import LARGEST, parse_json, printable
from exporters.declarations import Row

STATE = Path("/run/backup")
_LABELS = frozenset({"type", "storage"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReading:
    """Rows by source; a file that is missing or broken gives none."""

    rows: dict[str, list[Row]] = field(default_factory=dict)


def read_backups(directory: Path = STATE) -> BackupReading:
    """Read ``record.json`` and ``archive.json``."""
    rows: dict[str, list[Row]] = {}
    for made, name in ((record_rows, "record.json"), (archive_rows, "archive.json")):
        with suppress(KeyError, TypeError, AttributeError, ValueError):  # not as the service writes it
            found = made(_read(directory / name))
            rows |= {source: [_sound(row) for row in each] for source, each in found.items()}
    return BackupReading(rows=rows)


def _sound(row: Row) -> Row:
    """A row whose labels are texts and whose values are numbers or nothing, whatever the file had."""
    return {name: printable(str(value)) if name in _LABELS else _number(value) for name, value in row.items()}


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and abs(value) < LARGEST else None


def record_rows(record: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Rows of what the service remembers of backups; none of an empty record."""
    if not record:
        return {}
    drill = record.get("drill") or {}
    return {
        "backups": [_backup(name, entry) for name, entry in record["backups"].items()],
        "backup_counts": list(_counts(record["stores"])),
        "backup_stores": [_store(name, entry) for name, entry in record["stores"].items()],
        "backup_service": [
            {
                "scheduled_interval_seconds": record.get("interval"),
                "in_progress": int(bool(record["running"])),
                "drill_last_timestamp_seconds": drill.get("when"),
                "drill_success": int(drill["ok"]) if drill else None,
                "drill_rto_seconds": drill.get("rto"),
            }
        ],
    }


def _backup(name: str, entry: Mapping[str, float]) -> Row:
    kind, _, store = name.partition("/")
    return {
        "type": kind,
        "storage": store,
        "last_success_timestamp_seconds": entry.get("last_success"),
        "last_failure_timestamp_seconds": entry.get("last_failure"),
        "last_duration_seconds": entry.get("last_duration"),
        "last_size_bytes": entry.get("last_size"),
    }


def _counts(stores: Mapping[str, Any]) -> Iterator[Row]:
    for name, entry in stores.items():
        for kind in ("full", "incremental"):
            yield {"type": kind, "storage": name, "kept": entry.get("counts", {}).get(kind, 0)}


def _store(name: str, entry: Mapping[str, Any]) -> Row:
    return {
        "storage": name,
        "oldest_recoverable_timestamp_seconds": entry.get("oldest"),
        "newest_recoverable_timestamp_seconds": entry.get("newest"),
        "last_verify_timestamp_seconds": entry.get("verified"),
        "damaged": entry.get("broken"),
        "untrusted": entry.get("untrusted"),
        "missing_wal_segments": entry.get("missing"),
        "stored_bytes": entry.get("bytes"),
        "stored_wal_bytes": entry.get("wal_bytes"),
        "mended_wal_segments_total": entry.get("mended"),
        "store_up": int(not entry.get("error")),
    }


def archive_rows(archive: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Rows of the archiver's state; none of an empty one."""
    if not archive:
        return {}
    return {
        "archive": [
            {
                "updated_timestamp_seconds": archive["updated"],
                "streaming": int(archive["streaming"]),
                "spool_bytes": archive["spool_bytes"],
                "spool_limit_bytes": archive["spool_limit"],
                "gaps": archive["gaps"],
                "full_wanted": int(bool(archive["full_wanted"])),
            }
        ],
        "archive_stores": [
            {
                "storage": store["name"],
                "last_success_timestamp_seconds": store["shipped_at"],
                "lag_bytes": store["behind"],
                "lag_seconds": store["lag"],
                "ready_files": store["waiting"],
                "failing": int(bool(store["error"])),
                "segments_total": store["segments"],
                "conflicts_total": store["conflicts"],
            }
            for store in archive["stores"]
        ],
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
