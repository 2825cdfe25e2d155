"""The WAL that a store has: which runs of it are there on each timeline, and how far they lead."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backup.annotations import read_damaged_wal
from backup.layout import (
    WalObject,
    history_key,
    is_segment,
    parse_segment,
    parse_wal_key,
    segment_name,
    segment_start,
    wal_prefix,
)
from backup.store import MOST_WAL_LISTED, Store, at_most, read_text
from backup.timelines import Histories, History, TimelineSpan, path_to
from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn
from cluster.postgres.timeline_history import parse_history


@dataclass(frozen=True, slots=True)
class Run:
    """WAL without a hole from ``start`` to before ``end``; the last of it was stored at ``made`` (Unix seconds)."""

    start: Lsn
    end: Lsn
    made: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WalCoverage:
    """All WAL of one cluster in one store: runs by timeline, in order, and the histories of timelines.

    ``damaged``: segments that are known to be, and why; they are in no run.
    """

    wal_segment_size: int
    runs: Mapping[int, Sequence[Run]]
    histories: Histories
    damaged: Mapping[str, str] = field(default_factory=dict)

    @property
    def timelines(self) -> frozenset[int]:
        """Those of which there is something."""
        return frozenset(self.runs) | frozenset(self.histories)

    def around(self, timeline: int, lsn: int) -> Run | None:
        """The run that ``lsn`` is in."""
        return next((run for run in self.runs.get(timeline, ()) if run.start <= lsn < run.end), None)

    def covered(self, segment: str) -> int:
        """Bytes of a segment, from its beginning, that are there."""
        wanted = parse_segment(segment, self.wal_segment_size)
        run = self.around(wanted.timeline, wanted.start)
        return min(run.end, wanted.end) - wanted.start if run else 0

    def best(self, spans: Sequence[TimelineSpan], start: int) -> str:
        """The segment at ``start``, of the latest timeline that has begun by its end and has it; whole ones first.

        As PostgreSQL does: where two timelines of the way share a segment, that of the later one holds both and is
        asked for first (src/backend/access/transam/xlogrecovery.c, XLogFileReadAnyTLI).
        """
        size = self.wal_segment_size
        sharing = [part for part in spans if part.start < start + size and (part.end is None or part.end > start)]
        return max((segment_name(part.timeline, start, size) for part in reversed(sharing)), key=self.covered)

    def newest(self, timeline: int) -> Lsn | None:
        """Up to where there is something of a timeline."""
        runs = self.runs.get(timeline)
        return runs[-1].end if runs else None

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


def read_archive(store: Store, system: str, wal_segment_size: int) -> WalCoverage:
    """What WAL a store holds. Raises StoreError where it cannot be asked, RefusedError for a damaged history."""
    listed = at_most(store.list(wal_prefix(system)), MOST_WAL_LISTED, "pieces of WAL")
    found = [(wal, stored.made) for stored in listed if (wal := parse_wal_key(stored.key))]
    return make_archive(store, system, found, wal_segment_size)


def make_archive(
    store: Store, system: str, found: Sequence[tuple[WalObject, float]], wal_segment_size: int
) -> WalCoverage:
    """The same from a list that was read already: objects, and the Unix time at which each was stored."""
    lines = [wal.timeline for wal, _ in found if wal.segment is None]
    damaged = read_damaged_wal(store, system)
    return WalCoverage(
        wal_segment_size=wal_segment_size,
        runs=find_runs([each for each in found if each[0].segment not in damaged], wal_segment_size),
        histories={timeline: _read_history(store, system, timeline) for timeline in lines},
        damaged=damaged,
    )


def find_runs(found: Iterable[tuple[WalObject, float]], wal_segment_size: int) -> dict[int, list[Run]]:
    """The runs that segments and pieces, with the times at which they were stored, make together."""
    single: dict[int, list[Run]] = {}
    for wal, made in found:
        if wal.segment is not None and is_segment(wal.segment, wal_segment_size):
            first = parse_segment(wal.segment, wal_segment_size).start
            end = first + (wal_segment_size if wal.end is None else wal.end)
            single.setdefault(wal.timeline, []).append(Run(Lsn(first + (wal.start or 0)), Lsn(end), made))
    return {timeline: _join(sorted(runs, key=lambda run: (run.start, run.end))) for timeline, runs in single.items()}


def _join(runs: Iterable[Run]) -> list[Run]:
    joined: list[Run] = []
    for run in runs:
        last = joined[-1] if joined else None
        if last is None or run.start > last.end:
            joined.append(run)
        elif run.end > last.end or run.start == last.start:
            joined[-1] = Run(last.start, max(last.end, run.end), max(last.made, run.made))
    return joined


def vouch(archive: WalCoverage, timeline: int, lsn: Lsn, when: float) -> WalCoverage:
    """The same, knowing that the WAL before ``lsn`` has all that was committed before ``when`` (Unix seconds)."""
    runs = {
        line: [
            replace(run, made=max(run.made, when)) if line == timeline and run.start < lsn <= run.end else run
            for run in known
        ]
        for line, known in archive.runs.items()
    }
    return replace(archive, runs=runs)


def _read_history(store: Store, system: str, timeline: int) -> History:
    try:
        return parse_history(read_text(store, history_key(system, timeline)))
    except ValueError as error:
        raise RefusedError(f"the history of timeline {timeline} in the archive is damaged: {error}") from None


def spans_between(archive: WalCoverage, timeline: int, start: Lsn, goal: int) -> tuple[TimelineSpan, ...] | None:
    """The stretches from ``start`` on ``timeline`` to the timeline ``goal``; None where none leads there.

    Raises:
        RefusedError: the history of ``goal`` is not in the archive.
    """
    if timeline == goal:
        return (TimelineSpan(timeline, start, None),)
    known = path_to(goal, archive.histories)
    if known is None:
        raise RefusedError(
            f"the history of timeline {goal} is not in the archive, so its way from timeline {timeline} is unknown",
            f"give another timeline, such as {timeline}",
        )
    rest = [part for part in known if part.timeline >= timeline]
    if not rest or rest[0].timeline != timeline or not rest[0].holds(start):
        return None
    return (replace(rest[0], start=start), *rest[1:])


def reach(archive: WalCoverage, parts: Sequence[TimelineSpan]) -> Reach:
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


def _needed(archive: WalCoverage, left: Lsn, following: int) -> Lsn:
    """Up to where a timeline that was ``left`` must be there: the segment of that place is whole on the next one."""
    begun = segment_start(left, archive.wal_segment_size)
    return begun if archive.around(following, begun) else left


def _hole(archive: WalCoverage, timeline: int, lsn: Lsn) -> str:
    later = archive.after(timeline, lsn)
    segment = segment_name(timeline, segment_start(lsn, archive.wal_segment_size), archive.wal_segment_size)
    if segment in archive.damaged:
        return f"segment {segment} of the archive is damaged"
    upto = f" to {later.start}" if later else ""
    return f"WAL from {lsn}{upto} of timeline {timeline} is missing in the archive"
