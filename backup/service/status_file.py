"""What the service remembers for those who look at it: last successes and failures, in a small file beside the state.

Not the truth, which is in the stores: only what cannot be read there, and what would take long to ask for each time.
"""

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cluster.archive_status import read_state
from cluster.documents import parse_json, read_as
from cluster.files import write_atomically

FILE = "record.json"


@dataclass(slots=True, kw_only=True)
class Record:
    """Times are Unix seconds; ``interval`` is seconds, the longest between two scheduled backups.

    ``backups``: by ``kind/store``, the last success and failure and what they were. ``stores``: by store, how many
    backups of each kind, the moments that can be restored to, the last verification, and how many segments of WAL it
    lacked and got from another store.
    """

    updated: float = 0.0
    running: str = ""
    last_backup: str = ""
    last_success: float | None = None
    last_error: str = ""
    interval: float | None = None
    backups: dict[str, dict[str, float]] = field(default_factory=dict)
    stores: dict[str, dict[str, Any]] = field(default_factory=dict)
    drill: dict[str, Any] = field(default_factory=dict)

    def succeeded(self, kind: str, store: str, *, size: int, seconds: float) -> None:
        """A backup is in a store."""
        entry = self.backups.setdefault(f"{kind}/{store}", {})
        entry |= {"last_success": time.time(), "last_size": float(size), "last_duration": seconds}

    def failed(self, kind: str, store: str) -> None:
        """A backup did not get into a store."""
        self.backups.setdefault(f"{kind}/{store}", {})["last_failure"] = time.time()

    def mended(self, store: str, segments: int) -> None:
        """A store got so many segments from another one."""
        entry = self.stores.setdefault(store, {})
        entry["mended"] = entry.get("mended", 0) + segments


def read_record(directory: Path) -> Record:
    """What was written last; an empty one where there is none or it cannot be read."""
    try:
        return read_as(Record, parse_json((directory / FILE).read_text()))
    except (OSError, ValueError):
        return Record()


def write_record(directory: Path, record: Record) -> None:
    """Write it whole."""
    record.updated = time.time()
    write_atomically(directory / FILE, json.dumps(asdict(record), indent=2) + "\n")


def forget_running(directory: Path) -> None:
    """A backup that was under way when the service was killed is no more: it was a process of the same container."""
    record = read_record(directory)
    if record.running:
        write_record(directory, replace(record, running=""))


def tell(directory: Path) -> None:
    """What the health page shows, where it changed: the last backup, and how far behind the archive is."""
    record, archive = read_record(directory), read_state(directory / "archive.json")
    lags = [store.lag for store in archive.stores] if archive else []
    said = {
        "last_success": record.last_success,
        "last_backup": record.last_backup or None,
        "archive_lag_seconds": round(max(lags)) if lags else None,
    }
    text = json.dumps(said) + "\n"
    path = directory / "state.json"
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text)
