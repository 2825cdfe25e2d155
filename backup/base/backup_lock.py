"""One base backup at a time: flock on a file in the spool directory, which holds the name of the running backup.

The kernel releases the lock when its holder dies; the name that is still in the file says what it left in the stores.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import MachineError, RefusedError
from cluster.lock import FileLock

LOCK = "base-backup.lock"


class BackupRunningError(RefusedError):
    """Another base backup holds the lock: nothing failed."""


@dataclass(slots=True)
class BackupLock:
    """The held lock; ``abandoned`` names the backup whose process was killed, "" where there is none."""

    _lock: FileLock
    abandoned: str

    def note(self, attempt: str) -> None:
        """Write the name of the running backup into the file; "" once it ended and nothing of it is left over."""
        self._lock.write(attempt)


@contextmanager
def acquire_lock(spool: Path) -> Iterator[BackupLock]:
    """Hold the lock for the `with` block.

    Raises:
        BackupRunningError: another backup is running; names it.
        MachineError: the spool cannot be written to.
    """
    try:
        opened = FileLock.of_file(spool / LOCK)
    except OSError as error:
        raise MachineError(f"the spool {spool} cannot be used: {error.strerror}") from None
    with opened as lock:
        if not lock.acquire():
            running = lock.read()
            message = f"another base backup is running{f' ({running})' if running else ''}"
            raise BackupRunningError(message, "wait until it is done")
        yield BackupLock(lock, lock.read())
