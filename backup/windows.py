"""Windows: to which moments the cluster can be restored, and which WAL is missing for more. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from backup.catalog import Backup
from backup.layout import Segment, WalObject, segment_name
from backup.timelines import Histories, Stretch, way_to
from cluster.lsn import Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Any moment in it can be restored to, by following ``timeline``.

    ``since`` is when the first backup ended, at ``start_lsn`` of its timeline. ``end_lsn`` is where the WAL ends;
    ``until`` is Unix time at which the last of it was stored: what was committed later than that is not in it.
    """

    timeline: int
    start_lsn: str
    end_lsn: str
    since: float
    until: float
    backups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A segment that is not there, though there is WAL before and after it. ``known``: a recorded gap explains it."""

    segment: str
    known: bool = False


class Archive:
    """The WAL that is stored: whole segments, and for unfinished ones how far their pieces reach without a hole."""

    def __init__(self, objects: Iterable[tuple[WalObject, float]], wal_segment_size: int) -> None:
        self.size = wal_segment_size
        self._covered: dict[str, int] = {}
        self._made: dict[str, float] = {}
        pieces: dict[str, list[tuple[int, int]]] = {}
        for found, made in objects:
            if found.segment is None:
                continue
            start, end = (0, self.size) if found.is_whole else (found.start or 0, found.end or 0)
            pieces.setdefault(found.segment, []).append((start, end))
            self._made[found.segment] = max(made, self._made.get(found.segment, 0.0))
        for name, ranges in pieces.items():
            self._covered[name] = _reach(ranges)

    def covered(self, segment: str) -> int:
        """Bytes of it, from its beginning, that are there."""
        return self._covered.get(segment, 0)

    def made(self, segment: str) -> float:
        """Unix time at which the newest of it was stored; 0 where nothing is."""
        return self._made.get(segment, 0.0)

    def newest(self, timeline: int) -> str | None:
        """The last segment of a timeline of which there is something."""
        return max((name for name in self._covered if name.startswith(f"{timeline:08X}")), default=None)


def _reach(ranges: Sequence[tuple[int, int]]) -> int:
    reach = 0
    for start, end in sorted(ranges):
        if start <= reach:
            reach = max(reach, end)
    return reach


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far WAL goes on without a hole."""

    end: Lsn
    until: float


def _follow(way: Sequence[Stretch], archive: Archive, lsn: int) -> _Reach:
    """Follow a way from ``lsn`` as far as there is WAL.

    As PostgreSQL does: where two timelines of the way share a segment, that of the later one holds both and is asked
    for first (src/backend/access/transam/xlogrecovery.c, XLogFileReadAnyTLI).
    """
    until = 0.0
    start = lsn - lsn % archive.size
    while True:
        name = _best(way, archive, start)
        end = start + archive.covered(name)
        if end <= lsn:
            return _Reach(Lsn(lsn), until)
        lsn, until = end, max(until, archive.made(name))
        if end < start + archive.size:
            return _Reach(Lsn(lsn), until)
        start += archive.size


def _best(way: Sequence[Stretch], archive: Archive, start: int) -> str:
    """The segment at ``start``, of the latest timeline that has begun by its end and has it; whole ones first."""
    sharing = [part.timeline for part in way if part.start < start + archive.size and _lasts(part, start)]
    names = [segment_name(timeline, start, archive.size) for timeline in reversed(sharing)]
    return max(names, key=archive.covered)


def _lasts(part: Stretch, start: int) -> bool:
    return part.end is None or part.end > start


def find_windows(
    backups: Iterable[Backup], archive: Archive, histories: Histories, timelines: Iterable[int] = ()
) -> tuple[Window, ...]:
    """The intervals that can be restored to, by timeline and time.

    Args:
        backups: all of one cluster.
        archive: its WAL.
        histories: its timeline histories.
        timelines: more timelines that WAL was stored of, beside those of backups and histories.
    """
    known = tuple(backups)
    goals = {backup.timeline for backup in known} | set(histories) | set(timelines)
    found = [window for goal in sorted(goals) for window in _on_way(known, archive, goal, histories)]
    return tuple(window for window in found if not any(_is_part(window, other, histories) for other in found))


def _on_way(backups: Sequence[Backup], archive: Archive, goal: int, histories: Histories) -> Iterator[Window]:
    """The windows on the way to one timeline; backups whose WAL meets share one."""
    way = way_to(goal, histories) or (Stretch(goal, Lsn(0), None),)
    run: list[tuple[Backup, _Reach]] = []
    for backup in sorted((each for each in backups if _is_on(way, each)), key=lambda each: each.order):
        reach = _follow(way, archive, Lsn.parse(backup.start_lsn))
        if reach.end < Lsn.parse(backup.stop_lsn):
            continue  # it cannot even become consistent
        if run and Lsn.parse(backup.start_lsn) > run[-1][1].end:
            yield _window(goal, run)
            run = []
        run.append((backup, reach))
    if run:
        yield _window(goal, run)


def _is_on(way: Sequence[Stretch], backup: Backup) -> bool:
    stop = Lsn.parse(backup.stop_lsn)
    return any(part.timeline == backup.timeline and part.holds(stop) for part in way)


def _window(goal: int, run: Sequence[tuple[Backup, _Reach]]) -> Window:
    first, furthest = run[0][0], max((reach for _, reach in run), key=lambda reach: reach.end)
    return Window(
        timeline=goal,
        start_lsn=first.stop_lsn,
        end_lsn=str(furthest.end),
        since=first.stopped,
        until=max(furthest.until, first.stopped),
        backups=tuple(backup.name for backup, _ in run),
    )


def _is_part(window: Window, other: Window, histories: Histories) -> bool:
    """Whether ``other``, on the way of a later timeline, leads to every moment of ``window`` as well."""
    if other.timeline <= window.timeline or not set(window.backups) <= set(other.backups):
        return False
    left = next((part for part in histories.get(other.timeline, ()) if part.timeline == window.timeline), None)
    return left is not None and Lsn.parse(window.end_lsn) <= min(left.at, Lsn.parse(other.end_lsn))


def audit(
    backups: Iterable[Backup], archive: Archive, histories: Histories, gaps: Mapping[int, Sequence[tuple[int, int]]]
) -> tuple[Missing, ...]:
    """The segments that are missing between the oldest backup and the newest WAL, in order.

    Args:
        backups: all of one cluster; those that stay, if some are about to go.
        archive: its WAL.
        histories: its timeline histories.
        gaps: recorded gaps by timeline: (from, to) positions.
    """
    found: dict[str, Missing] = {}
    oldest: dict[int, int] = {}
    for backup in backups:
        start = int(Lsn.parse(backup.start_lsn))
        oldest[backup.timeline] = min(start, oldest.get(backup.timeline, start))
        for segment in backup.segments:
            if archive.covered(segment) < archive.size:
                found[segment] = Missing(segment=segment, known=_is_known(segment, archive.size, gaps))
    for goal in sorted({*oldest, *histories}):
        for segment in _holes(goal, oldest, archive, histories):
            found[segment] = Missing(segment=segment, known=_is_known(segment, archive.size, gaps))
    return tuple(found[name] for name in sorted(found))


def _holes(goal: int, oldest: Mapping[int, int], archive: Archive, histories: Histories) -> Iterator[str]:
    way = way_to(goal, histories) or (Stretch(goal, Lsn(0), None),)
    starts = [oldest[part.timeline] for part in way if part.timeline in oldest and part.holds(oldest[part.timeline])]
    newest = archive.newest(goal)
    if not starts or newest is None:
        return
    end = _segment(newest, archive.size).start
    for start in range(min(starts) - min(starts) % archive.size, end, archive.size):
        name = _best(way, archive, start)
        if archive.covered(name) < archive.size:
            yield name


def _is_known(segment: str, size: int, gaps: Mapping[int, Sequence[tuple[int, int]]]) -> bool:
    parsed = _segment(segment, size)
    return any(start < parsed.end and parsed.start < end for start, end in gaps.get(parsed.timeline, ()))


def _segment(name: str, size: int) -> Segment:
    from backup.layout import parse_segment

    return parse_segment(name, size)
