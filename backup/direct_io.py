"""Writing a large file past the page cache, from its beginning to its end.

What a backup or a restore writes is not read again soon. In the page cache it would take the place of the pages that
the server works with, count as the memory of the container, and cost more time than the disk (decision 0018).
A file system that does not know such writes gets ordinary ones.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from mmap import mmap

CHUNK = 4 << 20
"""Bytes written at once: enough to keep a disk busy, few enough to be held for each file on its way."""
_ALIGN = 4096
"""Of places in memory and in the file: the largest blocks that disks have."""
PieceHook = Callable[[int, memoryview], object]


class DirectWriter:
    """Writes one file, empty so far; what is shorter than a CHUNK, which it holds, goes through the page cache.

    Nothing is sure to be on the disk before it is synced. ``hook`` is shown each stretch (its offset, its bytes) before
    it is written, and may change it.
    """

    def __init__(self, descriptor: int, hook: PieceHook = lambda _offset, _part: None) -> None:
        self._descriptor, self._hook = descriptor, hook
        self._chunk = memoryview(mmap(-1, CHUNK))  # whole pages, as direct writes want them
        self._offset = self._filled = 0
        self._direct = False

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``."""
        rest = memoryview(data)
        while rest:
            taken = rest[: CHUNK - self._filled]
            self._chunk[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            rest = rest[len(taken) :]
            if self._filled == CHUNK:
                self._set_direct(on=True)
                self._put(self._chunk)
                self._filled = 0

    def finish(self) -> None:
        """Write what is left."""
        whole = self._filled - self._filled % _ALIGN if self._direct else 0
        self._put(self._chunk[:whole])
        self._set_direct(on=False)
        self._put(self._chunk[whole : self._filled])

    def _put(self, part: memoryview) -> None:
        if part:
            self._hook(self._offset, part)
        while part:
            written = self._write(part)
            part, self._offset = part[written:], self._offset + written

    def _write(self, part: memoryview) -> int:
        try:
            return os.pwrite(self._descriptor, part, self._offset)
        except OSError as error:
            if error.errno != errno.EINVAL or not self._direct:
                raise
        self._set_direct(on=False)  # larger blocks than any known, or the last write ended within one
        return os.pwrite(self._descriptor, part, self._offset)

    def _set_direct(self, *, on: bool) -> None:
        if self._direct == on:
            return
        self._direct = on
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL) & ~os.O_DIRECT
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags | (os.O_DIRECT if on else 0))
        except OSError as error:
            if error.errno != errno.EINVAL:  # what a file system says that does not know it
                raise
