"""The backup service's status: one document, which it writes and health service, exporter and `inv status` read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cluster.documents import dump, load
from cluster.files import replace_file

STATUS_FILE = "status.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedStore:
    """WAL in one store. Positions are LSN texts ("": unknown), times Unix seconds, ``behind`` bytes, ``lag`` seconds.

    ``archived``: the store has everything up to here. ``lag``: how long ago the oldest WAL was received that it lacks.
    """

    name: str
    archived: str = ""
    shipped_at: float | None = None
    behind: int | None = None
    lag: float = 0.0
    waiting: int = 0
    segments: int = 0
    conflicts: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveStatus:
    """The WAL archiver. Sizes in bytes; ``full_wanted`` says why a full backup is, "" when none is.

    ``streamed``: when WAL was last received, or the archiver began. ``flushed`` is durable in the spool;
    ``slot_errors`` are (node, why) of standbys whose slot is not kept up.
    """

    updated: float
    system_identifier: str = ""
    segment_size: int = 0
    node: str = ""
    streaming: bool = False
    streamed: float | None = None
    timeline: int = 0
    received: str = ""
    flushed: str = ""
    spool_bytes: int = 0
    spool_limit: int = 0
    gaps: int = 0
    full_wanted: str = ""
    error: str = ""
    slot_errors: tuple[tuple[str, str], ...] = ()
    stores: tuple[ArchivedStore, ...] = ()

    @property
    def lag(self) -> int | None:
        """Seconds that the slowest store is behind; None without stores."""
        return round(max(store.lag for store in self.stores)) if self.stores else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupAttempts:
    """The last attempts at one kind of backup in one store: Unix times, seconds, bytes."""

    last_success: float | None = None
    last_failure: float | None = None
    last_duration: float | None = None
    last_size: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """What the last inventory of one store found; None where it never succeeded.

    ``address``: where the store was. ``counts``: backups of each kind. ``oldest`` and ``newest``: the moments that can
    be restored to. ``verified``: the last verification that succeeded. ``missing`` segments of WAL nothing explains,
    ``lost`` in all; ``mended`` came from another store. ``last_full`` and ``last_started`` are when backups began.
    """

    address: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    bytes: int | None = None
    wal_bytes: int | None = None
    oldest: float | None = None
    newest: float | None = None
    missing: int | None = None
    lost: int | None = None
    verified: float | None = None
    broken: int | None = None
    untrusted: int | None = None
    last_full: float | None = None
    last_started: float | None = None
    mended: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillStatus:
    """The last drill; ``rto`` is seconds until the restored server answered; ``databases``: how many it opened."""

    when: float
    ok: bool
    rto: float | None = None
    backup: str = ""
    databases: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSummary:
    """What status, health page and API show of it.

    ``last_success`` is Unix time; the lag is how long ago the oldest WAL was received that a store lacks.
    """

    last_success: float | None = None
    last_backup: str | None = None
    archive_lag_seconds: Annotated[float, "seconds"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupStatus:
    """All of it. Times are Unix seconds; ``interval`` is seconds, the longest between two scheduled backups.

    ``updated``: of the last survey of the stores. ``running``: the kind of the backup that is taken now. ``backups`` by
    ``kind/store``, ``stores`` by name. ``archive`` None: the archiver has not reported yet. ``error``: what keeps the
    service from archiving at all; "" while it does. ``drill_interval``: as ``interval``, between two drills.
    """

    updated: float = 0.0
    running: str = ""
    last_backup: str | None = None
    last_success: float | None = None
    last_error: str = ""
    interval: float | None = None
    backups: dict[str, BackupAttempts] = field(default_factory=dict)
    stores: dict[str, StoreStatus] = field(default_factory=dict)
    drill: DrillStatus | None = None
    archive: ArchiveStatus | None = None
    error: str = ""
    drill_interval: float | None = None

    def had_backups(self, store: str) -> bool:
        """Whether the last look at a store found backups there."""
        known = self.stores.get(store, StoreStatus())
        return bool(known.counts) or known.last_started is not None

    @property
    def summary(self) -> BackupSummary:
        """Of the last backup and the archive."""
        lag = self.archive.lag if self.archive else None
        return BackupSummary(last_success=self.last_success, last_backup=self.last_backup, archive_lag_seconds=lag)


def parse_status(text: str | bytes) -> BackupStatus:
    """Read what ``write_status`` wrote.

    Raises:
        ValueError: it is not that.
    """
    return load(BackupStatus, text, "a status of the backup service")


def write_status(directory: Path, status: BackupStatus) -> None:
    """Replace the file, whose time is that of the archiver's last report: the container's health check goes by it.

    Without fsync: it is worth nothing after a crash, and syncs every second slow the primary's commits.
    """
    reported = status.archive.updated if status.archive else 0.0
    replace_file(directory / STATUS_FILE, dump(status), mode=0o644, modified=reported)


def read_status(directory: Path) -> BackupStatus:
    """What was written last; an empty one where there is none or it cannot be read."""
    try:
        return parse_status((directory / STATUS_FILE).read_text())
    except (OSError, ValueError):
        return BackupStatus()
