"""What of a file is known from newer backups of a chain, until an older one has the whole file."""

import os
from array import array
from collections.abc import Iterator, Sequence

from backup.restore.incremental_file import BLOCK

Place = tuple[int, int]
"""A block: its number in the file, its number in the scratch file that it waits in."""


class BlockMap:
    """The blocks of a file that newer backups gave, and how far older ones count."""

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

    def places(self) -> list[Place]:
        """Every block that waits, in the file's order."""
        return sorted(zip(self._numbers, self._slots, strict=True))


class Overlay:
    """Blocks that wait in a scratch file, laid over the file they belong to while that is written."""

    def __init__(self, scratch: int, places: Sequence[Place]) -> None:
        self._scratch = scratch
        self._waiting: Iterator[Place] = iter(places)
        self._next = next(self._waiting, None)
        self._later: list[Place] = []

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
