"""Checks of WAL page headers: whether bytes are the WAL of a segment and cluster.

The layout is in `cluster.postgres.wal_format`.
"""

import struct

from backup.layout import Segment
from cluster.errors import RefusedError
from cluster.postgres.wal_format import LONG, LONG_HEADER, MAGIC, PAGE

_SHORT = struct.Struct("=HHIQ")
"""Of a page's header what is checked; less than the whole of it may have come yet."""


class NotWalError(RefusedError):
    """These bytes are not the WAL of that segment and cluster."""


def check_pages(data: bytes | memoryview, segment: Segment, system: str, begin: int = 0) -> None:
    """Check the header of every page of ``data``, the bytes of ``segment`` from ``begin``, which begins a page.

    Zeros may follow the last written page, to the end: that is what a forced switch of segments leaves behind.

    Raises:
        NotWalError: a header is not what it must be; says which.
    """
    if begin == 0:
        _check_first(data, segment, system)
    for offset in range(0 if begin else PAGE, len(data) - _SHORT.size + 1, PAGE):
        magic, _, timeline, position = _SHORT.unpack_from(data, offset)
        if (magic, position) != (MAGIC, segment.start + begin + offset) or timeline > segment.timeline:
            _check_zeros(memoryview(data)[offset:], segment, begin + offset)
            return


def _check_first(data: bytes | memoryview, segment: Segment, system: str) -> None:
    if len(data) < LONG_HEADER.size:
        raise _wrong(segment, 0, f"there are only {len(data)} bytes of it")
    magic, flags, timeline, position, _, identifier, size, page = LONG_HEADER.unpack_from(data)
    if magic != MAGIC or not flags & LONG:
        raise _wrong(segment, 0, f"it begins with {magic:04X}, not with {MAGIC:04X}, the mark of PostgreSQL 18")
    if str(identifier) != system:
        raise _wrong(segment, 0, f"it is of another cluster, {identifier}")
    if (position, size, page) != (segment.start, segment.size, PAGE) or timeline > segment.timeline:
        raise _wrong(segment, 0, f"it says timeline {timeline}, position {position:X}, segments of {size} bytes")


def _check_zeros(rest: memoryview, segment: Segment, offset: int) -> None:
    if rest != bytes(len(rest)):
        raise _wrong(segment, offset, "the header of a page is not one of this place")


def _wrong(segment: Segment, offset: int, why: str) -> NotWalError:
    return NotWalError(f"{segment} is not WAL of this cluster at byte {offset}: {why}")
