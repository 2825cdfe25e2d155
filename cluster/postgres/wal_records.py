"""Records in WAL segments as they lie on disk: where the last whole one ends, and which transactions they commit. Pure.

Source of the layout: PostgreSQL 18, src/include/access/xlogrecord.h (24 bytes and what follows, aligned to 8; the
CRC-32C covers all but itself), xlog_internal.h (page headers) and xact.h (a commit begins with its time).
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_format import MAGIC, PAGE

_PAGE_HEADER = struct.Struct("=HHIQI")
_SHORT, _LONG = 24, 40
_CONTINUES, _OVERWRITES = 0x0001, 0x0008
"""XLP_FIRST_IS_CONTRECORD: the page begins with the rest of a record; XLP_FIRST_IS_OVERWRITE_CONTRECORD: that rest was
never written, and something else is there."""
_RECORD = struct.Struct("=IIQBBxxI")
_XLOG, _XACT = 0, 1
"""Resource managers."""
_SWITCH = 0x40
"""XLOG_SWITCH: the rest of the segment is empty."""
_COMMITS = (0x00, 0x30)
"""XLOG_XACT_COMMIT and XLOG_XACT_COMMIT_PREPARED."""
_EPOCH = 946_684_800
"""PostgreSQL counts from 2000-01-01, in microseconds."""

Segments = Callable[[int], bytes | None]
"""The segment of that number, in one timeline; None where there is none."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction that was committed, where the record begins, and when (Unix seconds)."""

    transaction: int
    lsn: Lsn
    when: float


@dataclass(frozen=True, slots=True)
class WalTail:
    """WAL from some position on: where its last whole record ends, and what was committed in it."""

    end: Lsn
    commits: tuple[Commit, ...] = ()


@dataclass(frozen=True, slots=True)
class _Record:
    start: Lsn
    end: Lsn
    transaction: int
    manager: int
    info: int
    data: bytes


def read_tail(segments: Segments, size: int, start: Lsn) -> WalTail | None:
    """What there is of WAL after ``start``, whichever record that is in; None where the page of it is missing.

    Args:
        segments: of one timeline.
        size: bytes of a segment.
        start: a position up to which it is whole, as far as is known.
    """
    pages = _Pages(segments, size)
    first = _record_near(pages, start)
    if first is None:
        return None
    end, commits = first, []
    for record in _records(pages, first):
        end = record.end
        if end > start and (commit := _commit_of(record)) is not None:
            commits.append(commit)
    return WalTail(Lsn(end), tuple(commits))


class _Pages:
    """Pages by position; None where there is none, or another's."""

    def __init__(self, segments: Segments, size: int) -> None:
        self._segments, self.size = segments, size
        self._number, self._data = -1, b""

    def get(self, position: int) -> bytes | None:
        number, offset = divmod(position - position % PAGE, self.size)
        if number != self._number:
            self._number, self._data = number, self._segments(number) or b""
        page = self._data[offset : offset + PAGE]
        if len(page) < PAGE:
            return None
        magic, _, _, address, _ = _PAGE_HEADER.unpack_from(page)
        return page if (magic, address) == (MAGIC, position - position % PAGE) else None

    def header(self, position: int) -> int:
        """Bytes of the header of the page that begins there."""
        return _SHORT if position % self.size else _LONG


def _record_near(pages: _Pages, start: Lsn) -> int | None:
    """The first record that begins in the page of ``start``, or in the nearest one before in which one begins."""
    position = start - start % PAGE
    if start % PAGE == 0 and pages.get(position) is None:
        position -= PAGE  # nothing was written behind the end of the page before
    while position >= 0:
        page = pages.get(position)
        if page is None:
            return None
        header = pages.header(position)
        _, flags, _, _, rest = _PAGE_HEADER.unpack_from(page)
        begin = header + (_aligned(rest) if flags & _CONTINUES else 0)
        if begin < PAGE:
            return position + begin
        position -= PAGE
    return None


def _records(pages: _Pages, first: int) -> Iterator[_Record]:
    """Whole records from ``first`` on, each following the one before; ``first`` begins one, or is where WAL ends."""
    position, before = first, None
    while True:
        found = _read(pages, position)
        if isinstance(found, int):  # the record that began here was given up, and another one began there
            position, before = found, None
            continue
        if found is None or (before is not None and _RECORD.unpack_from(found.data)[2] != before):
            return
        yield found
        before = found.start
        position = found.end
        if position % PAGE == 0:
            position += pages.header(position)


def _read(pages: _Pages, position: int) -> _Record | int | None:
    """The record at ``position``; where another one took over from it; or None: WAL ends here."""
    page = pages.get(position)
    if page is None:
        return None
    offset = position % PAGE
    length: int = struct.unpack_from("=I", page, offset)[0]
    if length < _RECORD.size or length > 1 << 30:
        return None
    data, at = page[offset : offset + length], position + min(length, PAGE - offset)
    while len(data) < length:
        page = pages.get(at)
        if page is None:
            return None
        header = pages.header(at)
        _, flags, _, _, rest = _PAGE_HEADER.unpack_from(page)
        if flags & _OVERWRITES:
            return at + header
        if not flags & _CONTINUES or rest != length - len(data):
            return None
        data += page[header : header + rest]
        at += min(header + rest, PAGE)
    return _checked(pages, position, _aligned(at), data)


def _checked(pages: _Pages, start: int, end: int, data: bytes) -> _Record | None:
    _, transaction, before, info, manager, crc = _RECORD.unpack_from(data)
    if before >= start or crc32c(data[_RECORD.size :], data[:20]) != crc:
        return None
    if (manager, info & 0xF0) == (_XLOG, _SWITCH):
        end += -end % pages.size
    return _Record(Lsn(start), Lsn(end), transaction, manager, info, data)


def _commit_of(record: _Record) -> Commit | None:
    if record.manager != _XACT or record.info & 0x70 not in _COMMITS:
        return None
    main = _main_data(record.data)
    if len(main) < 8:
        return None
    (microseconds,) = struct.unpack_from("=q", main)
    return Commit(record.transaction, record.start, _EPOCH + microseconds / 1e6)


def _main_data(data: bytes) -> bytes:
    """What a record of a transaction says; it changes no block."""
    at = _RECORD.size
    while at < len(data):
        kind = data[at]
        if kind == 255:
            return data[at + 2 : at + 2 + data[at + 1]]
        if kind == 254:
            return data[at + 5 :]
        skipped = {253: 3, 252: 5}.get(kind)  # the origin of replication, the transaction above this one
        if skipped is None:
            return b""
        at += skipped
    return b""


def _aligned(length: int) -> int:
    return length + -length % 8


def _table() -> tuple[int, ...]:
    made = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        made.append(value)
    return tuple(made)


_TABLE = _table()


def crc32c(*parts: bytes) -> int:
    """CRC-32C (Castagnoli) of ``parts`` one after the other."""
    crc, table = 0xFFFFFFFF, _TABLE
    for part in parts:
        for byte in part:
            crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
