"""Checks of WAL page headers: whether bytes are the WAL of a segment and cluster.

Source of the layout: PostgreSQL 18, src/include/access/xlog_internal.h: every page of 8 kB begins with magic (uint16),
flags (uint16), timeline (uint32), its own position (uint64) and a length; the first of a segment goes on with the
system identifier (uint64), the segment size and the page size (uint32 each). Native byte order.
"""

import struct

from backup.layout import Segment
from cluster.errors import RefusedError

MAGIC = 0xD118
"""XLOG_PAGE_MAGIC of PostgreSQL 18."""
PAGE = 8192
"""XLOG_BLCKSZ, which no packager changes."""
_SHORT = struct.Struct("=HHIQ")
_LONG = struct.Struct("=HHIQI4xQII")
_LONG_FLAG = 0x0002


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
    if len(data) < _LONG.size:
        raise _wrong(segment, 0, f"there are only {len(data)} bytes of it")
    magic, flags, timeline, position, _, identifier, size, page = _LONG.unpack_from(data)
    if magic != MAGIC or not flags & _LONG_FLAG:
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
