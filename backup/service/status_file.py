"""The service's status: what it remembers, durable in its own directory, and the file that others read.

Not the truth about backups, which is in the stores: only what cannot be read there, and what would take long to list
each time. The archiver's part is new every second and is only published.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from backup.catalog import Backup
from cluster.backup_status import (
    ArchiveStatus,
    BackupAttempts,
    BackupStatus,
    StoreStatus,
    parse_status,
    read_status,
    write_status,
)
from cluster.documents import dump, parse_json, read_as
from cluster.files import write_atomically
from cluster.lock import FileLock

MEMORY = "memory.json"
_BEFORE = "record.json"
_SUPERSEDED = (_BEFORE, "archive.json", "state.json")
"""Files of earlier versions beside the status: a memory, the archiver's state, a summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFile:
    """``memory`` is the service's own directory, ``shared`` the one that others read."""

    memory: Path
    shared: Path

    def read(self) -> BackupStatus:
        """What is remembered, without the archiver's part; an empty status where that is nothing, or no status.

        Raises:
            OSError: it cannot be read now; nothing may be remembered in its stead.
        """
        try:
            return parse_status((self.memory / MEMORY).read_text())
        except FileNotFoundError:
            return _adopted(self.shared / _BEFORE)
        except ValueError:
            return BackupStatus()

    def change(self, change: Callable[[BackupStatus], BackupStatus]) -> None:
        """Remember a change, durably, and publish it."""
        with self._locked():
            status = change(self.read())
            write_atomically(self.memory / MEMORY, dump(status), mode=0o600)
            write_status(self.shared, replace(status, archive=read_status(self.shared).archive))

    def report(self, archive: ArchiveStatus) -> None:
        """Publish the archiver's part beside what is remembered."""
        with self._locked():
            write_status(self.shared, replace(self.read(), archive=archive))

    def begin(self) -> None:
        """At the start of the service: a backup that was being taken is no more, and files of before go."""
        self.change(lambda status: replace(status, running=""))
        for name in _SUPERSEDED:
            with suppress(OSError):
                (self.shared / name).unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time: threads of the service, and processes that `inv backup.*` starts beside it."""
        with FileLock.of_file(self.memory / "memory.lock") as lock:
            lock.wait()
            yield


def _adopted(path: Path) -> BackupStatus:
    """The memory of an earlier version, which had no drill as ``{}`` and no backup as ``""``."""
    try:
        raw = parse_json(path.read_text())
        return read_as(BackupStatus, raw | {name: raw.get(name) or None for name in ("drill", "last_backup")})
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return BackupStatus()


def succeeded(status: BackupStatus, kind: str, store: str, *, size: int, seconds: float) -> BackupStatus:
    """A backup is in a store."""

    def change(attempts: BackupAttempts) -> BackupAttempts:
        return replace(attempts, last_success=time.time(), last_size=float(size), last_duration=seconds)

    return _with_attempts(status, kind, store, change)


def failed(status: BackupStatus, kind: str, store: str) -> BackupStatus:
    """A backup did not get into a store."""
    return _with_attempts(status, kind, store, lambda attempts: replace(attempts, last_failure=time.time()))


def _with_attempts(
    status: BackupStatus, kind: str, store: str, change: Callable[[BackupAttempts], BackupAttempts]
) -> BackupStatus:
    name = f"{kind}/{store}"
    attempts = change(status.backups.get(name, BackupAttempts()))
    return replace(status, backups={**status.backups, name: attempts})


def with_catalog(status: BackupStatus, store: str, backups: Iterable[Backup]) -> BackupStatus:
    """With what a store holds where the memory knows less: on a host built anew it knows nothing."""
    for backup in backups:
        name, stopped = f"{backup.kind}/{store}", backup.stopped
        attempts = status.backups.get(name, BackupAttempts())
        if stopped > (attempts.last_success or 0.0):
            attempts = replace(attempts, last_success=stopped, last_size=float(backup.size))
            status = replace(status, backups={**status.backups, name: attempts})
        if stopped > (status.last_success or 0.0):
            status = replace(status, last_success=stopped, last_backup=backup.name)
    return status


def with_store(status: BackupStatus, name: str, change: Callable[[StoreStatus], StoreStatus]) -> BackupStatus:
    """With a store's part changed."""
    return replace(status, stores={**status.stores, name: change(status.stores.get(name, StoreStatus()))})
