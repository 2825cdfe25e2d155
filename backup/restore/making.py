"""A data directory being made of backups, from the newest to the oldest: what is there is never written over."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from backup.restore.blocks import BLOCK, Rest, give

_WRITE_BACK = 32 << 20
"""Bytes after which the disk begins to write, while more is unpacked, so that little is left for the end."""


class Making:
    """A directory, and what of it the next older backup has to give. The newest says what is in it.

    Paths are relative to it. Of files and folders that the newest backup does not name nothing is made.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._newest = True
        self._rests: dict[str, Rest] = {}
        self._given: set[str] = set()

    def folder(self, path: str, mode: int = 0o700) -> None:
        """Make a folder."""
        if self._newest:
            (self._directory / path).mkdir(mode=0o700, exist_ok=True, parents=True)
            (self._directory / path).chmod(mode & 0o750)

    def whole(self, path: str, mode: int, size: int, content: Iterator[memoryview]) -> None:
        """Write a file of ``size`` bytes, or what is missing of it."""
        rest = self._rests.pop(path, None)
        if rest is None and not self._newest:
            return  # it is there already, or is no more
        new = os.O_EXCL if rest is None else 0
        descriptor = os.open(self._directory / path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | new, mode & 0o640)
        try:
            _write(descriptor, content, [range(size)] if rest is None else rest.runs())
            os.ftruncate(descriptor, size if rest is None else rest.blocks * BLOCK)
        finally:
            os.close(descriptor)

    def blocks(self, path: str, mode: int, content: Iterator[memoryview]) -> None:
        """Write the blocks of a file that no newer backup had."""
        rest = self._rests.get(path)
        if rest is not None or self._newest:
            self._rests[path] = give(self._directory / path, mode & 0o640, content, rest)
            self._given.add(path)

    def turn_older(self) -> str:
        """All of one backup came; the first file it should have had a part of, "" when there is none."""
        lacking = min(self._rests.keys() - self._given, default="")
        self._newest = False
        self._given.clear()
        return lacking


def _write(descriptor: int, content: Iterator[memoryview], missing: Iterable[range]) -> None:
    """Write the bytes that are missing; DONTNEED makes the disk begin with them and keeps them until it is done."""
    runs = iter(missing)
    run = next(runs, None)
    offset = pushed = 0
    for piece in content:
        end = offset + len(piece)
        while run is not None and run.start < end:
            _write_at(descriptor, piece[max(run.start - offset, 0) : run.stop - offset], max(run.start, offset))
            if run.stop > end:
                break
            run = next(runs, None)
        offset = end
        if offset - pushed >= _WRITE_BACK:
            os.posix_fadvise(descriptor, pushed, offset - pushed, os.POSIX_FADV_DONTNEED)
            pushed = offset


def _write_at(descriptor: int, piece: memoryview, offset: int) -> None:
    while piece:
        written = os.pwrite(descriptor, piece, offset)
        piece, offset = piece[written:], offset + written
