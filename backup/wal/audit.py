"""The audit: how far WAL goes in a store, over timelines, and where it has holes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from backup.layout import parse_segment, parse_wal_key, segment_start, wal_prefix
from backup.store import DamagedError, Store
from backup.wal.gaps import Gap, read_gaps
from backup.wal.history import Lineage, Stretch, parse_history, timeline_at
from backup.wal.identity import read_identity
from backup.wal.reading import read_history
from backup.wal.tails import Range, reach
from cluster.errors import RefusedError
from cluster.lsn import Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """WAL that the store lacks although it has some before and after; ``timeline`` is where it should be from.

    ``known``: it is a recorded gap. Otherwise it was removed: by retention, when nothing kept needs it, or by accident.
    """

    timeline: int
    start: Lsn
    end: Lsn
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The WAL in one store.

    ``has`` gives, for (timeline, start of a segment), how many bytes of that segment are there; ``lineages`` the
    lineage of every timeline that has WAL.
    """

    segment_size: int
    has: Mapping[tuple[int, int], int]
    gaps: tuple[Gap, ...]
    lineages: Mapping[int, Lineage]

    def reaches(self, timeline: int, start: int) -> Lsn:
        """Up to where WAL is there without a hole from ``start`` on the way to and along ``timeline``.

        That is ``start`` itself where there is none. What recovery to that timeline would read counts: a segment in
        which a timeline begins is taken from the newest that has it.
        """
        place = Lsn(start)
        while (reached := self._reached(self.lineages.get(timeline, ()), place)) > place:
            place = reached
            if place % self.segment_size:
                break
        return place

    def _reached(self, lineage: Lineage, place: Lsn) -> Lsn:
        at = segment_start(place, self.segment_size)
        ends = [self._end(stretch, at) for stretch in lineage if self._touches(stretch, at)]
        return max(ends, default=place)

    def _touches(self, stretch: Stretch, at: int) -> bool:
        begins = segment_start(stretch.begin, self.segment_size)
        return begins <= at and (stretch.end is None or at < stretch.end)

    def _end(self, stretch: Stretch, at: int) -> Lsn:
        """What lies beyond the end of its timeline's stretch is of no use: it was left behind there."""
        end = Lsn(at + self.has.get((stretch.timeline, at), 0))
        return end if stretch.end is None else min(end, stretch.end)

    def newest(self, timeline: int) -> Lsn | None:
        """The last position on the way to and along ``timeline``, holes or not; None without any."""
        ends = [
            self._end(stretch, at)
            for stretch in self.lineages.get(timeline, ())
            for owner, at in self.has
            if owner == stretch.timeline and self._touches(stretch, at)
        ]
        return max(ends, default=None)

    def holes(self) -> tuple[Hole, ...]:
        """Every hole, over all timelines."""
        found = {hole: None for timeline in self.lineages for hole in self._holes(timeline)}
        return tuple(sorted(found, key=lambda hole: (hole.start, hole.timeline)))

    def _holes(self, timeline: int) -> Iterator[Hole]:
        lineage = self.lineages[timeline]
        starts = sorted(
            {at for owner, at in self.has for one in lineage if owner == one.timeline and self._touches(one, at)}
        )
        end = self.newest(timeline)
        place = Lsn(starts[0]) if starts else None
        while place is not None and end is not None and (place := self.reaches(timeline, place)) < end:
            following = Lsn(next((at for at in starts if at > place), end))
            owner = timeline_at(lineage, place)
            known = any(gap.covers(owner, place, following) for gap in self.gaps)
            yield Hole(timeline=owner, start=place, end=following, known=known)
            place = following


def audit(store: Store, system: str) -> Audit:
    """Look at every name under ``wal/``; nothing is downloaded but histories and gaps.

    Raises:
        RefusedError: there is no archive of that cluster.
        StoreError: the store cannot be asked.
    """
    identity = read_identity(store, system)
    if identity is None:
        raise RefusedError(
            f"store {store.name} has no archive of cluster {system}", "inv backup.list shows what it has"
        )
    has = _has(store, system, identity.wal_segment_size)
    timelines = sorted({timeline for timeline, _ in has})
    return Audit(
        segment_size=identity.wal_segment_size,
        has=has,
        gaps=read_gaps(store, system),
        lineages={timeline: _lineage(store, system, timeline) for timeline in timelines},
    )


def _has(store: Store, system: str, size: int) -> dict[tuple[int, int], int]:
    has: dict[tuple[int, int], int] = {}
    pieces: dict[tuple[int, int], list[Range]] = {}
    for stored in store.list(wal_prefix(system)):
        found = parse_wal_key(stored.key)
        if found is None or found.segment is None:
            continue
        place = (found.timeline, int(parse_segment(found.segment, size).start))
        if found.start is None or found.end is None:
            has[place] = size
        else:
            pieces.setdefault(place, []).append((found.start, found.end))
    covered = {place: reach(ranges) for place, ranges in pieces.items()}
    return {**{place: end for place, end in covered.items() if end}, **has}


def _lineage(store: Store, system: str, timeline: int) -> Lineage:
    """A timeline whose history is lost can only be told by itself."""
    text = read_history(store, system, timeline) if timeline > 1 else b""
    if text is None:
        return (Stretch(timeline=timeline, begin=Lsn(0), end=None),)
    try:
        return parse_history(text.decode(), timeline)
    except ValueError as error:
        raise DamagedError(f"the history of timeline {timeline} in store {store.name} is damaged: {error}") from None


def missing(found: Audit, timeline: int, start: int, stop: int) -> Lsn | None:
    """The first position from ``start`` to before ``stop`` that is not there; None where all of it is.

    What a backup needs before it counts: its own start and stop, on its own timeline.
    """
    reached = found.reaches(timeline, start)
    return None if reached >= stop else reached


def unknown(holes: Iterable[Hole]) -> tuple[Hole, ...]:
    """The holes that no recorded gap explains."""
    return tuple(hole for hole in holes if not hole.known)
