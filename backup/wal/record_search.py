"""Where in the archived WAL a transaction ended, or a restore point was made: what recovery would stop at.

Only the archive is read, and nothing of PostgreSQL's runs. Source of the layout: PostgreSQL 18, src/include/access/
xlogrecord.h (a record's header), xlog_internal.h (pages, restore points) and xact.h (commits and aborts). Native byte
order. A record begins at a multiple of 8 and goes on over pages, whose headers are left out here.
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

from backup.layout import parse_segment, segment_start
from backup.restore.target import RecoveryTarget
from backup.restore.wal_coverage import Reach, WalCoverage
from backup.store import DamagedError, Store
from backup.timelines import TimelineSpan
from backup.wal.read import read_segment
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_format import PAGE
from cluster.postgres.wal_format import RECORD as _HEADER

_XLOG, _XACT = 0, 1
_RESTORE_POINT = 0x70
_POINT_LENGTH = 98
_POINT_BLOCK = b"\xff\x48"
"""What follows the header of a restore point: data of 72 bytes, its time and its name."""
_ENDED = rb"[\x00\x01\x20\x21\x80\x81\xa0\xa1]\x01\x00\x00"
_PREPARED = rb"[\x30\x31\x40\x41\xb0\xb1\xc0\xc1]\x01\x00\x00"
"""Info and resource manager of a commit or an abort, and of one that ends a prepared transaction."""
_LONG_PAGE, _SHORT_PAGE = PAGE - 40, PAGE - 24
"""Bytes of records on the first page of a segment, and on any other."""
_FURTHEST = 1 << 30
_EDGE = 1024
"""Bytes of each segment that are looked at together with its neighbour's."""
_NEAR = 512
"""Bytes before a prepared transaction's number in which the header of its last record is."""
_AT_ONCE = 4

Pattern = Callable[[bytes], Iterator[int]]


def pattern_for(target: RecoveryTarget) -> Pattern:
    """Finds, in records without page headers, where those begin that recovery to ``target`` may stop at."""
    return _of_name(target.text) if target.kind == "name" else _of_transaction(int(target.text))


def _of_name(name: str) -> Pattern:
    wanted = re.compile(re.escape(name.encode() + b"\0"))

    def find(records: bytes) -> Iterator[int]:
        for match in wanted.finditer(records):
            begin = match.start() - _HEADER.size - 10
            if begin >= 0 and records[begin + _HEADER.size :].startswith(_POINT_BLOCK, 0, 2):
                length, _, _, info, manager, _ = _HEADER.unpack_from(records, begin)
                if (length, info & 0xF0, manager) == (_POINT_LENGTH, _RESTORE_POINT, _XLOG):
                    yield begin

    return find


def _of_transaction(number: int) -> Pattern:
    """As PostgreSQL does, by the lower 32 bits; a prepared one is named in what its last record holds."""
    xid = struct.pack("=I", number & 0xFFFFFFFF)
    anywhere, prepared = re.compile(re.escape(xid)), re.compile(_PREPARED)
    ended = re.compile(re.escape(xid) + rb".{8}" + _ENDED, re.DOTALL)

    def find(records: bytes) -> Iterator[int]:
        for match in anywhere.finditer(records):  # by far the cheapest thing to search for
            at = match.start()
            if at >= 4 and ended.match(records, at):
                yield at - 4
            for header in prepared.finditer(records, max(0, at - _NEAR), at):
                begin = header.start() - 16
                if begin >= 0 and at < begin + struct.unpack_from("=I", records, begin)[0]:
                    yield begin

    return find


def strip_pages(data: bytes) -> bytes:
    """The records of a whole segment, without the headers of its pages."""
    view = memoryview(data)
    pages = [view[40:PAGE], *(view[offset + 24 : offset + PAGE] for offset in range(PAGE, len(data), PAGE))]
    return b"".join(pages)


def position(start: int, offset: int) -> Lsn:
    """Of what is at ``offset`` in the records of the segment that begins at ``start``."""
    if offset < _LONG_PAGE:
        return Lsn(start + 40 + offset)
    page, rest = divmod(offset - _LONG_PAGE, _SHORT_PAGE)
    return Lsn(start + (page + 1) * PAGE + 24 + rest)


@dataclass(frozen=True, slots=True)
class _Searched:
    """One segment: where the records begin in it, and its edges."""

    hits: frozenset[Lsn]
    size: int
    head: bytes
    tail: bytes


class RecordSearch:
    """Searches one store for one target; what was read once is remembered."""

    def __init__(self, store: Store, system: str, target: RecoveryTarget, progress: Callable[[str], None]) -> None:
        self._store, self._system, self._target = store, system, target
        self._find = pattern_for(target)
        self._progress = progress
        self._known: dict[tuple[str, int], _Searched] = {}

    def first(self, archive: WalCoverage, parts: Sequence[TimelineSpan], reach: Reach) -> Lsn | None:
        """Where the first record along ``parts`` is that recovery would stop at; None where there is none.

        Raises:
            DamagedError: a segment is.
            StoreError: the store does not answer.
        """
        size, start = archive.wal_segment_size, parts[0].start
        names = [archive.best(parts, each) for each in range(segment_start(start, size), reach.lsn, size)]
        keys = [(name, archive.covered(name)) for name in names]
        unread = [key for key in keys if key not in self._known]
        with ThreadPoolExecutor(max(1, min(_AT_ONCE, (256 << 20) // size))) as pool:
            for number, (key, found) in enumerate(zip(unread, pool.map(self._search, unread), strict=True), start=1):
                self._known[key] = found
                self._progress(f"Searching WAL for {self._target}: {number} of {len(unread)} segments")
        hits = {hit for key in keys for hit in self._known[key].hits} | self._at_edges(keys, size)
        return min((hit for hit in hits if start <= hit < reach.lsn), default=None)

    def _search(self, key: tuple[str, int]) -> _Searched:
        try:
            data = read_segment(self._store, self._system, key[0])
        except DamagedError as error:
            raise DamagedError(
                error.message, "inv backup.verify --wal finds all damage, and plans then know it"
            ) from None
        if data is None:
            return _Searched(frozenset(), 0, b"", b"")
        start, records = parse_segment(key[0], len(data)).start, strip_pages(data)
        hits = self._hits(records, start, 0)
        return _Searched(frozenset(hits), len(records), records[:_EDGE], records[-_EDGE:])

    def _at_edges(self, keys: Sequence[tuple[str, int]], size: int) -> set[Lsn]:
        """Of records that begin in one segment and end in the next."""
        found: set[Lsn] = set()
        for key, following in pairwise(keys):
            this, start = self._known[key], parse_segment(key[0], size).start
            both = self._hits(this.tail + self._known[following].head, start, this.size - len(this.tail))
            found |= {hit for hit in both if hit < start + size}
        return found

    def _hits(self, records: bytes, start: int, skipped: int) -> set[Lsn]:
        found = set()
        for begin in self._find(records):
            if begin % 8 == 0 and begin + _HEADER.size <= len(records):
                lsn = position(start, skipped + begin)
                length, _, before, _, _, _ = _HEADER.unpack_from(records, begin)
                if length > _HEADER.size and 0 < lsn - before < _FURTHEST:
                    found.add(lsn)
        return found
