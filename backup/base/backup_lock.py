"""One base backup at a time: flock on a file in the spool directory, which holds the name of the running backup.

The kernel releases the lock when its holder dies; the name that is still in the file says what it left in the stores.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import MachineError, RefusedError

LOCK = "base-backup.lock"


@dataclass(slots=True)
class BackupLock:
    """The held lock; ``abandoned`` names the backup whose process was killed, "" where there is none."""

    _descriptor: int
    abandoned: str

    def note(self, attempt: str) -> None:
        """Write the name of the running backup into the file; "" once it ended and nothing of it is left over."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, attempt.encode(), 0)


@contextmanager
def acquire_lock(spool: Path) -> Iterator[BackupLock]:
    """Hold the lock for the `with` block.

    Raises:
        RefusedError: another backup is running; names it.
        MachineError: the spool cannot be written to.
    """
    try:
        descriptor = os.open(spool / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MachineError(f"the spool {spool} cannot be used: {error.strerror}") from None
    try:
        _lock(descriptor)
        yield BackupLock(descriptor, _written(descriptor))
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        running = _written(descriptor)
        message = f"another base backup is running{f' ({running})' if running else ''}"
        raise RefusedError(message, "wait until it is done") from None


def _written(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode(errors="replace")
