"""A data directory being made of backups, from the newest to the oldest.

Blocks of incremental backups wait in a scratch file until an older backup has the file they belong to; then it is
written once, from beginning to end, with them in their places. pg_combinebackup makes the same of a chain
(tests/integration/backup/test_chain.py compares every byte) and wants every backup unpacked beside it.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from backup.base.tar import Pieces
from backup.direct_io import DirectWriter
from backup.restore.incremental import BLOCK, BlockMap, Overlay, blocks


class DataDirectoryBuilder:
    """A directory, and what of it the next older backup has to give. The newest says what is in it.

    Paths are relative to it. Of files and folders that the newest backup does not name nothing is made.
    """

    def __init__(self, directory: Path, scratch: int) -> None:
        self._directory = directory
        self._scratch = scratch
        self._slots = count()
        self._newest = True
        self._rests: dict[str, BlockMap] = {}
        self._given: set[str] = set()

    def folder(self, path: str, mode: int = 0o700) -> None:
        """Make a folder."""
        if self._newest:
            (self._directory / path).mkdir(mode=0o700, exist_ok=True, parents=True)
            (self._directory / path).chmod(mode & 0o750)

    def whole(self, path: str, mode: int, size: int, content: Iterator[memoryview]) -> None:
        """Write a file of ``size`` bytes, with the blocks in it that newer backups gave."""
        rest = self._rests.pop(path, None)
        if rest is None and not self._newest:
            return  # it is there already, or is no more
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(self._directory / path, flags, mode & 0o640)
        try:
            if rest is None:
                _write(DirectWriter(descriptor), content)
                os.ftruncate(descriptor, size)
            else:
                overlay = Overlay(self._scratch, rest.waiting())
                known = Pieces(content).exactly(min(size, rest.kept * BLOCK))
                _write(DirectWriter(descriptor, overlay.lay), known)
                overlay.finish(descriptor)
                os.ftruncate(descriptor, rest.blocks * BLOCK)
        finally:
            os.close(descriptor)

    def blocks(self, path: str, content: Iterator[memoryview]) -> None:
        """Keep the blocks of a file that no newer backup had.

        Raises:
            BrokenTarError: the content is no such blocks.
        """
        rest = self._rests.get(path)
        if rest is None and not self._newest:
            return
        kept, numbers, found = blocks(content)
        rest = rest or BlockMap(max(kept, 1 + max(numbers, default=-1)))
        for number, block in zip(numbers, found, strict=True):
            if rest.wants(number):
                slot = next(self._slots)
                if os.pwrite(self._scratch, block, slot * BLOCK) != BLOCK:
                    raise OSError("a block was written in part")
                rest.put(number, slot)
        rest.keep(kept)
        self._rests[path] = rest
        self._given.add(path)

    def next_backup(self) -> str:
        """All of one backup came; the first file it should have had a part of, "" when there is none."""
        lacking = min(self._rests.keys() - self._given, default="")
        self._newest = False
        self._given.clear()
        return lacking


@contextmanager
def making(directory: Path) -> Iterator[DataDirectoryBuilder]:
    """A new ``directory`` in the making; its scratch file has no name and goes when the directory is made."""
    directory.mkdir(mode=0o700)
    with tempfile.TemporaryFile(dir=directory, buffering=0) as scratch:
        yield DataDirectoryBuilder(directory, scratch.fileno())


def _write(writer: DirectWriter, content: Iterator[memoryview]) -> None:
    for piece in content:
        writer.write(piece)
    writer.finish()
