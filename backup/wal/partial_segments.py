"""The unfinished segment in a store, as pieces: every few seconds the durable bytes that are new are one more piece.

A piece is never changed. When the segment is whole in the store, its pieces are deleted; those of a segment that will
never be whole stay, and are all that the store has of it.
"""

import threading
from collections.abc import Callable, Collection

from backup.layout import parse_wal_key, tail_key, tail_prefix
from backup.store import MOST_LISTED, ConflictError, DamagedError, Store, at_most
from backup.wal.codec import pack, unpack
from backup.wal.page_headers import check_pages
from backup.wal.spool import CLOSED, PARTIAL, Spool, timeline_of
from cluster.errors import PodsError
from cluster.postgres.wal_format import PAGE

_MANY = 48
"""So many pieces are replaced by one, so that reading a quiet segment does not take hundreds of requests."""
_MOST = 100 * _MANY
"""Pieces of one segment that are read; there are never so many."""

Range = tuple[int, int]


class PartialSegments:
    """The pieces in one store; safe for all threads."""

    def __init__(
        self, store: Store, spool: Spool, level: int, complain: Callable[[str], object] = lambda _: None
    ) -> None:
        self._store, self._spool, self._level, self._complain = store, spool, level, complain
        self._known: dict[str, list[Range]] = {}
        self._found = {name[:24] for name in spool.names()}
        """Segments of an earlier run, of which there may be pieces that we do not know."""
        self._lock = threading.Lock()

    def end(self, segment: str) -> int:
        """Bytes of ``segment`` that the store has in pieces, as far as is known without a request."""
        return reach(self._known.get(segment, []))

    def ship(self, position: Callable[[], tuple[str, int] | None], blocked: Callable[[], Collection[int]]) -> bool:
        """Ship the new bytes of the unfinished segment; whether there were any.

        ``position`` is called while no segment is being made whole in the store, so that no piece is left behind it;
        then ``blocked``, for the timelines of which nothing may be shipped.
        """
        with self._lock:
            now = position()
            if now is None or not now[1] or timeline_of(now[0]) in blocked():
                return False
            return self._ship_to(now[0], f"{now[0]}{PARTIAL}", now[1])

    def ship_closed(self, name: str) -> None:
        """Ship the rest of a segment that will never be whole."""
        with self._lock:
            self._ship_to(name.removesuffix(CLOSED), name, (self._spool.path / name).stat().st_size)
            self._known.pop(name.removesuffix(CLOSED), None)

    def drop(self, segment: str) -> None:
        """The segment is whole in the store, whatever fails here: delete its pieces, or leave them to `prune`."""
        with self._lock:
            if segment in self._known or segment in self._found:
                self._try_delete(segment, lambda: self._ranges(segment))
            self._known.pop(segment, None)
            self._found.discard(segment)

    def _ship_to(self, segment: str, file: str, end: int) -> bool:
        ranges = self._ranges(segment)
        start = reach(ranges)
        if end <= start:
            return False
        if len(ranges) >= _MANY:
            start = 0
        self._create(segment, file, start, end)
        ranges.append((start, end))
        if start == 0 and len(ranges) > 1:
            self._try_delete(segment, lambda: ranges[:-1])
            del ranges[:-1]
        return True

    def _create(self, segment: str, file: str, start: int, end: int) -> None:
        begin = start - start % PAGE
        data = self._spool.read(file, begin, end)
        check_pages(data, self._spool.segment(segment), self._spool.system, begin)
        piece = data[start - begin :]
        key = tail_key(self._spool.system, segment, start, end)
        try:
            self._store.create(key, pack(piece, self._level))
        except ConflictError:
            if unpack(self._store.get(key), end - start) != piece:
                raise

    def _ranges(self, segment: str) -> list[Range]:
        if segment not in self._known:  # an earlier run may have left some
            self._known[segment] = find_pieces(self._store, self._spool.system, segment)
        return self._known[segment]

    def _try_delete(self, segment: str, ranges: Callable[[], list[Range]]) -> None:
        """Delete pieces that something whole took the place of; a store that keeps them harms nobody."""
        try:
            self._store.delete([tail_key(self._spool.system, segment, start, end) for start, end in ranges()])
        except (PodsError, OSError) as error:
            self._complain(f"store {self._store.name} keeps pieces of WAL that it has whole by now: {error}")


def find_pieces(store: Store, system: str, segment: str) -> list[Range]:
    """The byte ranges of an unfinished segment that are in a store."""
    listed = at_most(store.list(tail_prefix(system, segment)), MOST_LISTED, f"pieces of {segment}")
    keys = (parse_wal_key(stored.key) for stored in listed)
    return [(key.start, key.end) for key in keys if key and key.start is not None and key.end is not None]


def reach(ranges: list[Range]) -> int:
    """Up to which byte the ranges cover everything from the first on."""
    end = 0
    for start, stop in sorted(ranges):
        if start <= end:
            end = max(end, stop)
    return end


def assemble(store: Store, system: str, segment: str, size: int) -> bytes | None:
    """The beginning of an unfinished segment from its pieces, filled with zeros up to ``size``; None without any.

    Raises:
        DamagedError: they cannot be pieces of one segment.
        StoreError, MissingError: a piece cannot be read; missing ones were superseded meanwhile.
    """
    ranges = find_pieces(store, system, segment)
    if not (end := reach(ranges)):
        return None
    needed = cover(ranges)
    if end > size or len(needed) > _MOST:
        raise DamagedError(f"{len(needed)} pieces of {segment} in store {store.name} lead to byte {end} of {size}")
    data = bytearray(size)
    for start, stop in needed:
        piece = unpack(store.get(tail_key(system, segment, start, stop)), stop - start)
        if len(piece) != stop - start:
            raise DamagedError(f"the piece of {segment} from {start} to {stop} has {len(piece)} bytes")
        data[start:stop] = piece
    return bytes(data)


def cover(ranges: list[Range]) -> list[Range]:
    """As few of the ranges as lead as far as all of them do: a store that deletes nothing has many more."""
    needed: list[Range] = []
    end, best = 0, (0, 0)
    for start, stop in [*sorted(ranges), (1 << 63, 1 << 63)]:
        if start > end and best[1] > end:
            needed.append(best)
            end = best[1]
        if start > end:
            break
        best = max(best, (start, stop), key=lambda each: each[1])
    return needed
