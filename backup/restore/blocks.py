"""Files of an incremental backup: blocks that changed, put where they belong while they arrive.

A chain is read from its newest backup to the full one, and what a newer one gave stays: so every block is written once,
with no copy of any backup beside the result (tests/integration/backup/test_chain.py compares every byte with what
pg_combinebackup makes).
Source of the format: PostgreSQL 18, src/include/backup/basebackup_incremental.h and src/backend/backup/basebackup.c:
three numbers, which are a mark, how many blocks come and how many blocks the file keeps; the blocks' numbers; nothing
up to the next whole block; the blocks.
"""

import os
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from backup.base.tar import BrokenTarError

BLOCK = 8192
_PREFIX = "INCREMENTAL."
_MARK = 0xD3AE1F0D
_HEADER = struct.Struct("=III")
_MOST = 1 << 17
"""Blocks of a file: PostgreSQL begins another one at 1 GB."""


def patched(path: str) -> str | None:
    """The file that ``path`` has blocks for; None where it is a file itself."""
    pure = PurePosixPath(path)
    return str(pure.with_name(pure.name.removeprefix(_PREFIX))) if pure.name.startswith(_PREFIX) else None


class Rest:
    """What of a file older backups have to give: the blocks that no newer one had, below what every newer one kept."""

    __slots__ = ("_given", "_kept", "blocks")

    def __init__(self, blocks: int) -> None:
        self.blocks = self._kept = blocks
        self._given = bytearray((blocks + 7) // 8)  # a bit each: 16 KiB for a file of 1 GB

    def take(self, number: int) -> bool:
        """Whether this block counts, which the next older backup gives; from now on it is there."""
        if number >= self._kept or self._has(number):
            return False
        self._given[number >> 3] |= 1 << (number & 7)
        return True

    def keep(self, kept: int) -> None:
        """Of older backups only the blocks below ``kept`` count: behind it the file was cut off meanwhile."""
        self._kept = min(self._kept, kept)

    def runs(self) -> Iterator[range]:
        """What is missing, in bytes."""
        begin = None
        for number in range(self._kept):
            if self._has(number):
                if begin is not None:
                    yield range(begin * BLOCK, number * BLOCK)
                begin = None
            elif begin is None:
                begin = number
        if begin is not None:
            yield range(begin * BLOCK, self._kept * BLOCK)

    def _has(self, number: int) -> int:
        return self._given[number >> 3] >> (number & 7) & 1


def give(path: Path, mode: int, content: Iterator[memoryview], rest: Rest | None) -> Rest:
    """Put blocks of an incremental backup into a file; what is still to come from older ones.

    Args:
        path: of the file; made when it is not there.
        mode: its permission bits.
        content: the blocks, as the server sent them.
        rest: what newer backups left; None: there is none newer.

    Raises:
        BrokenTarError: the content is no such blocks.
    """
    pieces = _Pieces(content)
    kept, numbers = _begin(pieces)
    rest = rest or Rest(max(kept, 1 + max(numbers, default=-1)))
    if numbers:  # most files did not change, and opening one costs most of it
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, mode)
        try:
            for number in numbers:
                block = pieces.take(BLOCK)
                if rest.take(number) and os.pwrite(descriptor, block, number * BLOCK) != BLOCK:
                    raise OSError("a block was written in part")
        finally:
            os.close(descriptor)
    rest.keep(kept)
    return rest


def _begin(pieces: "_Pieces") -> tuple[int, "array[int]"]:
    """How many blocks the file keeps, and which ones follow."""
    mark, count, kept = _HEADER.unpack(pieces.take(_HEADER.size))
    if mark != _MARK or count > _MOST:
        raise BrokenTarError("an incremental file does not begin as one")
    numbers = array("I", bytes(pieces.take(count * 4)))
    if kept > _MOST or max(numbers, default=0) >= _MOST:
        raise BrokenTarError("an incremental file is longer than any file of the server")
    if count:
        pieces.take(-(_HEADER.size + count * 4) % BLOCK)
    return kept, numbers


class _Pieces:
    """Pieces of any size, taken in another."""

    def __init__(self, content: Iterator[memoryview]) -> None:
        self._content = content
        self._piece = memoryview(b"")

    def take(self, size: int) -> bytes | memoryview:
        """Exactly so many bytes."""
        if len(self._piece) >= size:
            taken, self._piece = self._piece[:size], self._piece[size:]
            return taken
        parts = []
        while size:
            if not self._piece:
                self._piece = next(self._content, memoryview(b""))
            if not self._piece:
                raise BrokenTarError("an incremental file ends too early")
            parts.append(self._piece[:size])
            self._piece = self._piece[size:]
            size -= len(parts[-1])
        return b"".join(parts)
