"""Files of an incremental backup: the blocks that changed.

Source of the format: PostgreSQL 18, src/include/backup/basebackup_incremental.h and src/backend/backup/basebackup.c:
three numbers, which are a mark, how many blocks come and how many blocks the file keeps; the blocks' numbers; nothing
up to the next whole block; the blocks.
"""

import struct
from array import array
from collections.abc import Iterator
from pathlib import PurePosixPath

from backup.base.tar import BrokenTarError, Pieces

BLOCK = 8192
_PREFIX = "INCREMENTAL."
_MARK = 0xD3AE1F0D
_HEADER = struct.Struct("=III")
_MOST = 1 << 17
"""Blocks of a file: PostgreSQL begins another one at 1 GB."""


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
