"""How far the WAL in a data directory goes, found in its files without starting anything.

Segments are recycled: behind the last record there may be anything older, and each page says what position it is of.
Only what can be checked counts: pages of their own position, records with their CRC.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from cluster.files import Directory
from cluster.postgres.data_directory import DataDirectory
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_format import CONTINUED, LONG, LONG_HEADER, MAGIC, PAGE, RECORD, SHORT_HEADER
from cluster.postgres.wal_records import crc32c

_NAME = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})\Z")
_NOWHERE = Lsn(0)
_XLOG_ID = 1 << 32
"""Bytes that the middle part of a segment's name counts."""
_CHECKED = RECORD.size - 4
"""Bytes of a record's header that its CRC is of: all but the CRC itself."""


@dataclass(frozen=True, slots=True)
class WalEnd:
    """The end of the last whole record; where that record begins, and its CRC (0: none begins on the last page)."""

    timeline: int
    lsn: Lsn
    record: Lsn = _NOWHERE
    crc: int = 0


@dataclass(frozen=True, slots=True, order=True)
class _Segment:
    timeline: int
    start: int
    size: int
    name: str

    @property
    def end(self) -> int:
        return self.start + self.size

    @classmethod
    def of(cls, name: str, size: int) -> Self | None:
        found = _NAME.match(name)
        if found is None or size < PAGE or size & (size - 1):
            return None
        timeline, high, low = (int(part, 16) for part in found.groups())
        return cls(timeline, high * _XLOG_ID + low * size, size, name)


def read_wal_end(data: DataDirectory, wal: Directory) -> WalEnd | None:
    """Where the WAL of ``data`` in ``wal`` ends; None where none is there that recovery could begin with.

    A standby may have WAL of a newer timeline than its last checkpoint's; what else is there of one is none of its own.
    """
    segments = _segments(wal)
    newer = {each.timeline for each in segments if data.standby and each.timeline > data.timeline}
    for timeline in (*sorted(newer, reverse=True), data.timeline):
        written = list(_written(wal, [each for each in segments if each.timeline == timeline], data.redo))
        if written:
            return _end_in(wal, written[-1])
    return None


def read_crc(wal: Directory, timeline: int, lsn: Lsn) -> int | None:
    """The CRC of the record that begins there; None where that WAL is not there, or not any more."""
    page = read_page(wal, timeline, lsn)
    if page is None or lsn % PAGE > PAGE - RECORD.size:
        return None
    return int(RECORD.unpack_from(page, lsn % PAGE)[-1])


def read_page(wal: Directory, timeline: int, lsn: Lsn) -> bytes | None:
    """The page of WAL that ``lsn`` is on; None where it is not there, or not any more."""
    for segment in _segments(wal):
        if segment.timeline == timeline and segment.start <= lsn < segment.end:
            page = wal.read_at(segment.name, lsn - lsn % PAGE - segment.start, PAGE)
            return page if _is_page(page, timeline, lsn - lsn % PAGE) else None
    return None


def _segments(wal: Directory) -> list[_Segment]:
    named = [(name, wal.stat(name)) for name in wal.names() if _NAME.match(name)]
    found = [_Segment.of(name, file.st_size) for name, file in named if file is not None]
    return sorted(segment for segment in found if segment is not None)


def _written(wal: Directory, segments: Sequence[_Segment], redo: Lsn) -> Iterator[_Segment]:
    """Those that follow each other from the one that recovery begins in, without those that are yet to be written."""
    due: int | None = None
    for segment in segments:
        if segment.end <= redo:
            continue
        first = wal.read_at(segment.name, 0, PAGE)
        if due not in (None, segment.start) or not _is_page(first, segment.timeline, segment.start):
            return
        due = segment.end
        yield segment


def _end_in(wal: Directory, segment: _Segment) -> WalEnd:
    data, last = wal.read_at(segment.name, 0, segment.size), 0
    while _is_page(data[last + PAGE : last + 2 * PAGE], segment.timeline, segment.start + last + PAGE):
        last += PAGE
    return end_of_page(data[last : last + PAGE], segment.start + last, segment.timeline)


def _is_page(page: bytes, timeline: int, address: int) -> bool:
    """Whether this is the page of that position; those before a timeline's begin are copies of the one before."""
    if len(page) < PAGE:
        return False
    magic, _, of, position, _ = SHORT_HEADER.unpack_from(page)
    return (magic, position) == (MAGIC, address) and of <= timeline


def end_of_page(page: bytes, address: int, timeline: int) -> WalEnd:
    """Behind the last whole record that begins and ends on ``page``; behind the page's header where none does."""
    _, flags, _, _, rest = SHORT_HEADER.unpack_from(page)
    header = LONG_HEADER.size if flags & LONG else SHORT_HEADER.size
    end, found, before = header, 0, None
    offset = header + _aligned(rest if flags & CONTINUED else 0)
    while offset <= len(page) - RECORD.size:
        length, _, previous, _, _, crc = RECORD.unpack_from(page, offset)
        if not RECORD.size <= length <= len(page) - offset or before not in (None, previous):
            break
        if crc32c(page[offset + RECORD.size : offset + length], page[offset : offset + _CHECKED]) != crc:
            break
        found, before, end = offset, address + offset, offset + _aligned(length)
        offset = end
    crc = RECORD.unpack_from(page, found)[-1] if found else 0
    return WalEnd(timeline, Lsn(address + end), Lsn(address + found if found else 0), crc)


def _aligned(length: int) -> int:
    return (length + 7) & ~7
