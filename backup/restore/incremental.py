"""Incremental backups: files of changed blocks, their merge into whole files, the backup label.

Source of the format: PostgreSQL 18, src/include/backup/basebackup_incremental.h and src/backend/backup/basebackup.c:
three numbers, which are a mark, how many blocks come and how many blocks the file keeps; the blocks' numbers; nothing
up to the next whole block; the blocks. Of the label: src/backend/access/transam/xlogbackup.c (its lines) and
xlogrecovery.c (a server does not start where they are left in a finished directory).
"""

import os
import re
import struct
from array import array
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from backup.base.tar import BrokenTarError, Pieces
from backup.catalog import Backup

BLOCK = 8192
_PREFIX = "INCREMENTAL."
_MARK = 0xD3AE1F0D
_HEADER = struct.Struct("=III")
_MOST = 1 << 17
"""Blocks of a file: PostgreSQL begins another one at 1 GB."""
_FROM_LSN = re.compile(rb"^INCREMENTAL FROM LSN: (\S+)\n", re.MULTILINE)
_FROM_TLI = re.compile(rb"^INCREMENTAL FROM TLI: (\d{1,10})\n", re.MULTILINE)
WaitingBlock = tuple[int, int]
"""A block: its number in the file, its number in the scratch file that it waits in."""


def patched(path: str) -> str | None:
    """The file that ``path`` has blocks for; None where it is a file itself.

    Raises:
        BrokenTarError: there is no file of that name.
    """
    pure = PurePosixPath(path)
    if not pure.name.startswith(_PREFIX):
        return None
    name = pure.name.removeprefix(_PREFIX)
    if not name.strip("."):
        raise BrokenTarError(f"{path!r} has the blocks of no file")
    return str(pure.with_name(name))


def blocks(content: Iterator[memoryview]) -> tuple[int, "array[int]", Iterator[bytes | memoryview]]:
    """How many blocks the file keeps of what it was, which ones follow, and those.

    Raises:
        BrokenTarError: the content is no such file; of blocks that are cut short, when they are taken.
    """
    pieces = Pieces(content)
    kept, numbers = _begin(pieces)
    return kept, numbers, (pieces.take(BLOCK) for _ in numbers)


def _begin(pieces: Pieces) -> tuple[int, "array[int]"]:
    """How many blocks the file keeps, and which ones follow."""
    mark, count, kept = _HEADER.unpack(pieces.take(_HEADER.size))
    if mark != _MARK or count > _MOST:
        raise BrokenTarError("an incremental file does not begin as one")
    numbers = array("I", bytes(pieces.take(count * 4)))
    if kept > _MOST or max(numbers, default=0) >= _MOST or len(set(numbers)) != count:
        raise BrokenTarError("an incremental file is longer than any file of the server")
    if count:
        pieces.take(-(_HEADER.size + count * 4) % BLOCK)
    return kept, numbers


class BlockMap:
    """Changed blocks of one file, collected from incremental backups until its full copy is read."""

    __slots__ = ("_given", "_numbers", "_slots", "blocks", "kept")

    def __init__(self, blocks: int) -> None:
        self.blocks = self.kept = blocks
        self._given = bytearray((blocks + 7) // 8)  # a bit each; with the arrays a tenth of what a dict would take
        self._numbers, self._slots = array("I"), array("I")

    def wants(self, number: int) -> bool:
        """Whether this block of the next older backup counts."""
        return number < self.kept and not self._given[number >> 3] >> (number & 7) & 1

    def put(self, number: int, slot: int) -> None:
        """Remember where a block waits."""
        self._given[number >> 3] |= 1 << (number & 7)
        self._numbers.append(number)
        self._slots.append(slot)

    def keep(self, kept: int) -> None:
        """Of older backups only blocks below ``kept`` count: behind it the file was cut off meanwhile."""
        self.kept = min(self.kept, kept)

    def waiting(self) -> list[WaitingBlock]:
        """Every block that waits, in the file's order."""
        return sorted(zip(self._numbers, self._slots, strict=True))


class Overlay:
    """Blocks that wait in a scratch file, laid over the file they belong to while that is written."""

    def __init__(self, scratch: int, waiting: Sequence[WaitingBlock]) -> None:
        self._scratch = scratch
        self._waiting: Iterator[WaitingBlock] = iter(waiting)
        self._next = next(self._waiting, None)
        self._later: list[WaitingBlock] = []

    def lay(self, offset: int, part: memoryview) -> None:
        """Change ``part``, which is at ``offset`` of the file; parts come in the file's order."""
        while self._next is not None and self._next[0] * BLOCK < offset + len(part):
            number, slot = self._next
            begin = number * BLOCK - offset
            if 0 <= begin <= len(part) - BLOCK:
                os.preadv(self._scratch, [part[begin : begin + BLOCK]], slot * BLOCK)
            else:
                self._later.append(self._next)
            self._next = next(self._waiting, None)

    def finish(self, descriptor: int) -> None:
        """Write what did not lie within any part: blocks behind the end of the older file."""
        if self._next is not None:
            self._later.append(self._next)
        for number, slot in (*self._later, *self._waiting):
            os.pwrite(descriptor, os.pread(self._scratch, BLOCK, slot * BLOCK), number * BLOCK)


def parent_fault(label: bytes, parent: Backup) -> str:
    """What is wrong where a backup with this ``label`` does not build on ``parent``, else ""."""
    lsn, timeline = _FROM_LSN.search(label), _FROM_TLI.search(label)
    if lsn is None or timeline is None:
        return "its backup_label does not say on what it builds"
    if (lsn[1].decode(errors="replace"), int(timeline[1])) != (parent.start_lsn, parent.timeline):
        found = f"{lsn[1].decode(errors='replace')} of timeline {int(timeline[1])}"
        return f"it builds on {found}, and {parent.name} begins at {parent.start_lsn}"
    return ""


def joined(label: bytes) -> bytes:
    """The label of a whole cluster."""
    return _FROM_TLI.sub(b"", _FROM_LSN.sub(b"", label))
