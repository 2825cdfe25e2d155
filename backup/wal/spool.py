"""The spool: WAL that is received, on disk, and not yet in every store.

One folder per cluster, named by its system identifier. In it ``<segment>.partial`` is the segment being received,
``<segment>`` a whole one, ``<segment>.closed`` the beginning of one that will never be whole (its timeline was left),
``<timeline>.history`` a history, ``<segment>.bad`` what turned out not to be WAL. A name is given only after fsync, so
whatever has a name without ``.partial`` is durable and complete; a ``.partial`` is received anew from its first byte
after a restart, over the bytes that are there.
"""

import os
import re
import threading
from dataclasses import replace
from pathlib import Path

from backup.layout import Segment, parse_segment
from cluster.errors import RefusedError
from cluster.files import sync_directory, write_atomically
from cluster.postgres.lsn import Lsn

PARTIAL, CLOSED, BAD, HISTORY = ".partial", ".closed", ".bad", ".history"
_WHOLE = 24
_NAME = re.compile(r"[0-9A-F]{24}(\.partial|\.closed|\.bad)?\Z|[0-9A-F]{8}\.history\Z")


def timeline_of(name: str) -> int:
    """The timeline of a file of the spool, which its name begins with."""
    return int(name[:8], 16)


class Buffer(threading.local):
    """Memory for a segment, one for each thread, used again: to map and clear 16 MB costs as much as to read them."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def take(self, size: int) -> memoryview:
        """``size`` bytes, with whatever was in them before."""
        if len(self._bytes) < size:
            self._bytes = bytearray(size)
        return memoryview(self._bytes)[:size]

    def free(self) -> None:
        """Release the memory until the next `take`."""
        self._bytes = bytearray()


class Spool:
    """The folder of one cluster. ``segment_size`` in bytes."""

    def __init__(self, root: Path, system: str, segment_size: int) -> None:
        self.path = root / system
        self.system = system
        self.segment_size = segment_size
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """Every file of the archive, sorted: the history of a timeline comes before its segments."""
        return sorted(path.name for path in self.path.iterdir() if _NAME.match(path.name))

    def to_ship(self) -> list[str]:
        """Complete files."""
        return [name for name in self.names() if not name.endswith((PARTIAL, BAD))]

    def size(self) -> int:
        """Bytes of all files."""
        return sum(self._size(name) for name in self.names())

    def _size(self, name: str) -> int:
        try:
            return (self.path / name).stat().st_size
        except FileNotFoundError:  # shipped meanwhile
            return 0

    def segment(self, name: str) -> Segment:
        """The segment that a file is or belongs to."""
        return parse_segment(name[:24], self.segment_size)

    def current(self) -> Segment | None:
        """The segment to receive next: the first unfinished one of the newest, or the one after the newest whole one.

        While segments come in one after the other, several are unfinished at once.
        """
        names = self.names()
        unfinished = {self.segment(name) for name in names if name.endswith(PARTIAL)}
        follow = {self.segment(name).next for name in names if len(name) == _WHOLE}
        found = max(unfinished | follow, key=lambda segment: (segment.timeline, segment.start), default=None)
        while found and (before := replace(found, start=Lsn(found.start - found.size))) in unfinished:
            found = before
        return found

    def read(self, name: str, start: int = 0, end: int | None = None, buffer: Buffer | None = None) -> memoryview:
        """The bytes [``start``, ``end``) of a file, as far as they are there; in ``buffer``, until that is used again.

        What is read whole does not stay in the page cache: the kernel counts the cache of the files we read as ours,
        and the container would seem to leak.
        """
        fd = os.open(self.path / name, os.O_RDONLY)
        try:
            size = max(0, (os.fstat(fd).st_size if end is None else end) - start)
            data = buffer.take(size) if buffer else memoryview(bytearray(size))
            done = _read_into(fd, data, start)
            if end is None:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)
        return data[:done]

    def keep_history(self, timeline: int, text: bytes) -> None:
        """Keep the history of a timeline.

        Raises:
            RefusedError: there is another one of that timeline already.
        """
        path = self.path / f"{timeline:08X}{HISTORY}"
        if not path.exists():
            write_atomically(path, text.decode())
        elif path.read_bytes() != text:
            message = f"the node has another history of timeline {timeline} than the archive"
            raise RefusedError(
                message, "two nodes were promoted apart: keep the one whose data you want, clone the other"
            )

    def remove(self, name: str) -> None:
        """Remove a file that every store has."""
        (self.path / name).unlink(missing_ok=True)

    def keep_aside(self, name: str) -> Path:
        """Keep a hard link to a file of which a store has another version, in a folder that nothing empties."""
        folder = self.path / "conflicts"
        folder.mkdir(exist_ok=True)
        kept = folder / name
        kept.unlink(missing_ok=True)
        kept.hardlink_to(self.path / name)
        return kept

    def reject(self, name: str) -> None:
        """Rename a file that is not the WAL of its name to ``.bad``."""
        (self.path / name).replace(self.path / f"{name[:24]}{BAD}")


def _read_into(fd: int, data: memoryview, start: int) -> int:
    done = 0
    while done < len(data) and (count := os.preadv(fd, [data[done:]], start + done)):
        done += count
    return done


class Unfinished:
    """The segment being received; ``written`` and ``durable`` are bytes from its start."""

    def __init__(self, spool: Spool, segment: Segment) -> None:
        self.spool, self.segment = spool, segment
        self.written = self.durable = 0
        self.gone = False
        """The ``.partial`` file was renamed or removed."""
        self._path = spool.path / f"{segment}{PARTIAL}"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def room(self) -> int:
        """Bytes until it is whole."""
        return self.segment.size - self.written

    def write(self, data: memoryview) -> None:
        """Append, at most ``room`` bytes."""
        while data:
            done = os.pwrite(self._fd, data, self.written)
            self.written += done
            data = data[done:]

    def sync(self) -> None:
        """Make durable what was written."""
        if self.durable < self.written:
            reached = self.written
            os.fdatasync(self._fd)
            self.durable = reached

    def finish(self) -> str:
        """Make a whole segment durable under its own name; returns that."""
        self.sync()
        return self._rename(str(self.segment))

    def close_short(self) -> str | None:
        """Its timeline ended: keep the durable bytes as ``.closed``; returns that name, None where there are none."""
        self.sync()
        os.ftruncate(self._fd, self.durable)
        os.fsync(self._fd)
        if self.durable:
            return self._rename(f"{self.segment}{CLOSED}")
        self._path.unlink()
        self.gone = True
        self.abandon()
        return None

    def abandon(self) -> None:
        """Close the file, to be received anew."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _rename(self, name: str) -> str:
        self._path.replace(self.spool.path / name)
        self.gone = True
        self.abandon()
        sync_directory(self.spool.path)
        return name
