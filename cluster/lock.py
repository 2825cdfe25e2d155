"""A lock on a file or directory (flock), held by one process at a time; the kernel releases it when its holder dies.

A file's text is the holder's own: who holds the lock, or what a holder that died left unfinished.
"""

import fcntl
import os
from pathlib import Path
from typing import Self

_MOST = 4096
"""Bytes of a text."""


class FileLock:
    """An open file or directory that can be locked; closing it releases the lock.

    Args:
        descriptor: of the open file, which this closes.
    """

    def __init__(self, descriptor: int) -> None:
        self._fd = descriptor

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """The lock file ``path``, made where it is missing; a link is not followed.

        Raises:
            OSError: it cannot be opened; ELOOP where it is a link.
        """
        return cls(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))

    @classmethod
    def of_directory(cls, path: Path) -> Self:
        """The directory ``path`` as a lock of itself; it has no text.

        Raises:
            OSError: it cannot be opened, or is a link.
        """
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def acquire(self) -> bool:
        """Take the lock without waiting; False where another holds it."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait(self) -> None:
        """Take the lock as soon as nobody else holds it."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def read(self) -> str:
        """The text in the lock file: its holder's, or its last holder's."""
        return os.pread(self._fd, _MOST, 0).decode(errors="replace")

    def write(self, text: str) -> None:
        """Replace the text; only the holder may."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)
