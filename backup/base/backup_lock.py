"""One base backup at a time: a lock in the spool directory, with the attempt that holds it written inside.

The kernel lets go of the lock when its holder dies; the name that then is still inside says what it left behind.
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
    """The right to take a base backup now; ``left`` is the attempt of one that was killed, "" where there is none."""

    _descriptor: int
    left: str

    def note(self, attempt: str) -> None:
        """Write down which attempt is under way; "" when it has come to an end and nothing of it is left."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, attempt.encode(), 0)


@contextmanager
def take_turn(spool: Path) -> Iterator[BackupLock]:
    """Be the only one to take a base backup.

    Raises:
        RefusedError: another is running; says which.
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
        told = f"another base backup is running{f' ({running})' if running else ''}"
        raise RefusedError(told, "wait until it is done") from None


def _written(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode(errors="replace")
