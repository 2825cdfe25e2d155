"""The WAL archive as a restore sees it: which runs of WAL are there on each timeline, and how far they lead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from backup.layout import history_key, parse_segment, parse_wal_key, segment_start, wal_prefix
from backup.store import Store
from backup.timelines import Histories, History, Stretch, parse_history, way_to
from cluster.errors import RefusedError
from cluster.lsn import Lsn


@dataclass(frozen=True, slots=True)
class Run:
    """WAL without a hole from ``start`` to before ``end``; the last of it was stored at ``made`` (Unix seconds)."""

    start: Lsn
    end: Lsn
    made: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """All WAL of one cluster in one store: runs by timeline, in order, and the histories of timelines."""

    wal_segment_size: int
    runs: Mapping[int, Sequence[Run]]
    histories: Histories

    @property
    def timelines(self) -> frozenset[int]:
        """Those of which there is something."""
        return frozenset(self.runs) | frozenset(self.histories)

    def around(self, timeline: int, lsn: int) -> Run | None:
        """The run that ``lsn`` is in."""
        return next((run for run in self.runs.get(timeline, ()) if run.start <= lsn < run.end), None)

    def after(self, timeline: int, lsn: int) -> Run | None:
        """The first run that begins at or after ``lsn``."""
        return next((run for run in self.runs.get(timeline, ()) if run.start >= lsn), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far recovery gets: ``lsn`` on ``timeline``, stored at ``made``; ``hole`` (words) if there is more later."""

    timeline: int
    lsn: Lsn
    made: float
    hole: str = ""


def read_archive(store: Store, system: str, wal_segment_size: int) -> Archive:
    """What WAL a store holds. Raises StoreError where it cannot be asked, RefusedError for a damaged history."""
    runs: dict[int, list[Run]] = {}
    histories: dict[int, History] = {}
    for stored in store.list(wal_prefix(system)):
        found = parse_wal_key(stored.key)
        if found is None:
            continue
        if found.segment is None:
            histories[found.timeline] = _read_history(store, system, found.timeline)
            continue
        first = parse_segment(found.segment, wal_segment_size).start
        end = first + (wal_segment_size if found.end is None else found.end)
        _extend(runs.setdefault(found.timeline, []), Run(Lsn(first + (found.start or 0)), Lsn(end), stored.made))
    return Archive(wal_segment_size=wal_segment_size, runs=runs, histories=histories)


def _read_history(store: Store, system: str, timeline: int) -> History:
    try:
        return parse_history(store.get(history_key(system, timeline)).decode())
    except ValueError as error:
        raise RefusedError(f"the history of timeline {timeline} in the archive is damaged: {error}") from None


def _extend(known: list[Run], more: Run) -> None:
    """Keys come sorted: pieces of a segment by their start, then the whole of it, then the next segment."""
    last = known[-1] if known else None
    if last is None or more.start > last.end:
        known.append(more)
    elif more.end > last.end or more.start <= last.start:
        known[-1] = Run(min(last.start, more.start), max(last.end, more.end), max(last.made, more.made))


def way(archive: Archive, timeline: int, start: Lsn, goal: int) -> tuple[Stretch, ...] | None:
    """The stretches from ``start`` on ``timeline`` to the timeline ``goal``; None where none leads there.

    Raises:
        RefusedError: the history of ``goal`` is not in the archive.
    """
    if timeline == goal:
        return (Stretch(timeline, start, None),)
    known = way_to(goal, archive.histories)
    if known is None:
        raise RefusedError(
            f"the history of timeline {goal} is not in the archive, so its way from timeline {timeline} is unknown",
            f"give another timeline, such as {timeline}",
        )
    rest = [part for part in known if part.timeline >= timeline]
    if not rest or rest[0].timeline != timeline or not rest[0].holds(start):
        return None
    return (replace(rest[0], start=start), *rest[1:])


def reach(archive: Archive, parts: Sequence[Stretch]) -> Reach:
    """How far the archive leads along the way without a hole."""
    made = 0.0
    for part, following in zip(parts, (*parts[1:], None), strict=True):
        run = archive.around(part.timeline, part.start)
        made = max(made, run.made if run else 0.0)
        end = run.end if run else part.start
        if following is None or part.end is None or end < _needed(archive, part.end, following.timeline):
            more = part.end is not None or run is None or archive.after(part.timeline, end) is not None
            hole = _hole(archive, part.timeline, end) if more else ""
            return Reach(timeline=part.timeline, lsn=end, made=made, hole=hole)
    raise AssertionError("the last stretch is open")


def _needed(archive: Archive, left: Lsn, following: int) -> Lsn:
    """Up to where a timeline that was ``left`` must be there: the segment of that place is whole on the next one."""
    begun = segment_start(left, archive.wal_segment_size)
    return begun if archive.around(following, begun) else left


def _hole(archive: Archive, timeline: int, lsn: Lsn) -> str:
    later = archive.after(timeline, lsn)
    upto = f" to {later.start}" if later else ""
    return f"WAL from {lsn}{upto} of timeline {timeline} is missing in the archive"
