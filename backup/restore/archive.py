"""The WAL archive as a restore sees it: which stretches of WAL are there on each timeline, how timelines branch."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from backup.layout import history_key, parse_segment, parse_wal_key, segment_start, wal_prefix
from backup.store import Store
from cluster.errors import RefusedError
from cluster.lsn import Lsn

_LINE = re.compile(r"\s*(\d+)\s+([0-9A-Fa-f]+/[0-9A-Fa-f]+)")


@dataclass(frozen=True, slots=True)
class Stretch:
    """WAL without a hole from ``start`` to before ``end``; the last of it was stored at ``made`` (Unix seconds)."""

    start: Lsn
    end: Lsn
    made: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """All WAL of one cluster in one store.

    ``stretches`` by timeline, in order; ``histories`` by timeline: those it came through and where it left each.
    """

    wal_segment_size: int
    stretches: Mapping[int, Sequence[Stretch]]
    histories: Mapping[int, Sequence[tuple[int, Lsn]]]

    @property
    def timelines(self) -> frozenset[int]:
        """Those of which there is something."""
        return frozenset(self.stretches) | frozenset(self.histories)


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of the way: along ``timeline`` from ``start`` to ``end`` (None: as far as it goes)."""

    timeline: int
    start: Lsn
    end: Lsn | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far recovery gets: ``lsn`` on ``timeline``, stored at ``made``; ``hole`` (words) if there is more later."""

    timeline: int
    lsn: Lsn
    made: float
    hole: str = ""


def read_archive(store: Store, system: str, wal_segment_size: int) -> Archive:
    """What WAL a store holds. Raises StoreError where it cannot be asked, RefusedError for a damaged history."""
    stretches: dict[int, list[Stretch]] = {}
    histories: dict[int, tuple[tuple[int, Lsn], ...]] = {}
    for stored in store.list(wal_prefix(system)):
        found = parse_wal_key(stored.key)
        if found is None:
            continue
        if found.segment is None:
            histories[found.timeline] = parse_history(store.get(history_key(system, found.timeline)).decode())
            continue
        first = parse_segment(found.segment, wal_segment_size).start
        end = first + (wal_segment_size if found.end is None else found.end)
        _extend(
            stretches.setdefault(found.timeline, []), Stretch(Lsn(first + (found.start or 0)), Lsn(end), stored.made)
        )
    return Archive(wal_segment_size=wal_segment_size, stretches=stretches, histories=histories)


def _extend(known: list[Stretch], more: Stretch) -> None:
    """Keys come sorted: pieces of a segment by their start, then the whole of it, then the next segment."""
    last = known[-1] if known else None
    if last is None or more.start > last.end:
        known.append(more)
    elif more.end > last.end or more.start <= last.start:
        known[-1] = Stretch(min(last.start, more.start), max(last.end, more.end), max(last.made, more.made))


def parse_history(text: str) -> tuple[tuple[int, Lsn], ...]:
    """(timeline, where it was left) for each line of a .history file.

    Raises:
        RefusedError: it is none.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    steps = []
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            raise RefusedError(f"a timeline's history in the archive is damaged: {line!r}")
        steps.append((int(match[1]), Lsn.parse(match[2])))
    if any(a[0] >= b[0] or a[1] > b[1] for a, b in pairwise(steps)):
        raise RefusedError("a timeline's history in the archive is damaged: its steps are out of order")
    return tuple(steps)


def way(archive: Archive, timeline: int, start: Lsn, target: int) -> tuple[Leg, ...] | None:
    """The timelines from ``start`` on ``timeline`` to ``target``; None where none leads there.

    Raises:
        RefusedError: the history of ``target`` is not in the archive.
    """
    if timeline == target:
        return (Leg(timeline, start, None),)
    if target not in archive.histories:
        raise RefusedError(
            f"the history of timeline {target} is not in the archive, so its way from timeline {timeline} is unknown",
            f"give another timeline, such as --timeline {timeline}",
        )
    steps = [*archive.histories[target], (target, None)]
    numbers = [number for number, _ in steps]
    if timeline not in numbers:
        return None
    legs: list[Leg] = []
    for number, left in steps[numbers.index(timeline) :]:
        legs.append(Leg(number, start, left))
        if left is not None and left < start:
            return None
        start = left or start
    return tuple(legs)


def reach(archive: Archive, legs: Sequence[Leg]) -> Reach:
    """How far the archive leads along the way without a hole."""
    made = 0.0
    for leg, following in zip(legs, (*legs[1:], None), strict=True):
        stretch = _around(archive, leg.timeline, leg.start)
        if following is not None and leg.end is not None:
            # the segment in which a timeline was left is whole on the next one
            whole = _around(archive, following.timeline, segment_start(leg.end, archive.wal_segment_size))
            needed = segment_start(leg.end, archive.wal_segment_size) if whole else leg.end
            if leg.start >= needed or (stretch and stretch.end >= needed):
                made = max(made, stretch.made if stretch else 0.0)
                continue
        if stretch is None:
            return Reach(timeline=leg.timeline, lsn=leg.start, made=made, hole=_hole(archive, leg, leg.start))
        hole = _hole(archive, leg, stretch.end) if leg.end is not None or _later(archive, leg, stretch.end) else ""
        return Reach(timeline=leg.timeline, lsn=stretch.end, made=max(made, stretch.made), hole=hole)
    raise AssertionError("the last leg has no end")


def _around(archive: Archive, timeline: int, lsn: Lsn) -> Stretch | None:
    found = (each for each in archive.stretches.get(timeline, ()) if each.start <= lsn < each.end)
    return next(found, None)


def _later(archive: Archive, leg: Leg, lsn: Lsn) -> Stretch | None:
    return next((each for each in archive.stretches.get(leg.timeline, ()) if each.start >= lsn), None)


def _hole(archive: Archive, leg: Leg, lsn: Lsn) -> str:
    later = _later(archive, leg, lsn)
    upto = f" to {later.start}" if later else ""
    return f"WAL from {lsn}{upto} of timeline {leg.timeline} is missing in the archive"
