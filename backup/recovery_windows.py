"""Windows: to which moments the cluster can be restored, and which WAL is missing for more. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backup.catalog import Backup
from backup.layout import parse_segment, segment_start
from backup.restore.wal_coverage import Reach, WalCoverage, reach
from backup.timelines import Histories, TimelineSpan, path_to
from cluster.postgres.lsn import Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryWindow:
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
    """A segment that is not there, or ``damaged``, though there is WAL before and after it.

    ``known``: a recorded gap explains it.
    """

    segment: str
    known: bool = False
    damaged: bool = False


def find_windows(backups: Iterable[Backup], archive: WalCoverage) -> tuple[RecoveryWindow, ...]:
    """The intervals that can be restored to, by timeline and time.

    Args:
        backups: all of one cluster.
        archive: its WAL.
    """
    known, histories = tuple(backups), archive.histories
    goals = {backup.timeline for backup in known} | set(histories)
    found = [window for goal in sorted(goals) for window in _windows_on(known, archive, goal)]
    return tuple(window for window in found if not any(_is_part(window, other, histories) for other in found))


def _windows_on(backups: Sequence[Backup], archive: WalCoverage, goal: int) -> Iterator[RecoveryWindow]:
    """The windows on the way to one timeline; backups whose WAL meets share one."""
    spans = _spans(goal, archive.histories)
    run: list[tuple[Backup, Reach]] = []
    for backup in sorted((each for each in backups if _is_on(spans, each)), key=lambda each: each.order):
        found = reach(archive, _rest(spans, backup))
        if found.timeline == backup.timeline and found.lsn < Lsn.parse(backup.stop_lsn):
            continue  # it cannot even become consistent
        if run and Lsn.parse(backup.start_lsn) > run[-1][1].lsn:
            yield _window(goal, run)
            run = []
        run.append((backup, found))
    if run:
        yield _window(goal, run)


def _spans(goal: int, histories: Histories) -> tuple[TimelineSpan, ...]:
    return path_to(goal, histories) or (TimelineSpan(goal, Lsn(0), None),)


def _rest(spans: Sequence[TimelineSpan], backup: Backup) -> tuple[TimelineSpan, ...]:
    """The way from where a backup begins."""
    rest = [part for part in spans if part.timeline >= backup.timeline]
    return (replace(rest[0], start=Lsn.parse(backup.start_lsn)), *rest[1:])


def _is_on(spans: Sequence[TimelineSpan], backup: Backup) -> bool:
    stop = Lsn.parse(backup.stop_lsn)
    return any(part.timeline == backup.timeline and part.holds(stop) for part in spans)


def _window(goal: int, run: Sequence[tuple[Backup, Reach]]) -> RecoveryWindow:
    first, furthest = run[0][0], max((found for _, found in run), key=lambda found: found.lsn)
    return RecoveryWindow(
        timeline=goal,
        start_lsn=first.stop_lsn,
        end_lsn=str(furthest.lsn),
        since=first.stopped,
        until=max(furthest.made, first.stopped),
        backups=tuple(backup.name for backup, _ in run),
    )


def _is_part(window: RecoveryWindow, other: RecoveryWindow, histories: Histories) -> bool:
    """Whether ``other``, on the way of a later timeline, leads to every moment of ``window`` as well."""
    if other.timeline <= window.timeline or not set(window.backups) <= set(other.backups):
        return False
    left = next((part for part in histories.get(other.timeline, ()) if part.timeline == window.timeline), None)
    return left is not None and Lsn.parse(window.end_lsn) <= min(left.at, Lsn.parse(other.end_lsn))


def audit(
    backups: Iterable[Backup], archive: WalCoverage, gaps: Mapping[int, Sequence[tuple[int, int]]]
) -> tuple[Missing, ...]:
    """The segments that are missing between the oldest backup and the newest WAL, in order.

    Args:
        backups: all of one cluster; those that stay, if some are about to go.
        archive: its WAL.
        gaps: recorded gaps by timeline: (from, to) positions.
    """
    size = archive.wal_segment_size
    oldest: dict[int, int] = {}
    lost: set[str] = set()
    for backup in backups:
        start = int(Lsn.parse(backup.start_lsn))
        oldest[backup.timeline] = min(start, oldest.get(backup.timeline, start))
        lost.update(segment for segment in backup.segments if archive.covered(segment) < size)
    for goal in {*oldest, *archive.histories}:
        lost.update(_holes(goal, oldest, archive))
    return tuple(
        Missing(segment=name, known=_is_known(name, size, gaps), damaged=name in archive.damaged)
        for name in sorted(lost)
    )


def _holes(goal: int, oldest: Mapping[int, int], archive: WalCoverage) -> Iterator[str]:
    spans, size = _spans(goal, archive.histories), archive.wal_segment_size
    starts = [oldest[part.timeline] for part in spans if part.timeline in oldest and part.holds(oldest[part.timeline])]
    newest = archive.newest(goal)
    if not starts or newest is None:
        return
    for start in range(segment_start(min(starts), size), segment_start(newest, size), size):
        name = archive.best(spans, start)
        if archive.covered(name) < size:
            yield name


def _is_known(segment: str, size: int, gaps: Mapping[int, Sequence[tuple[int, int]]]) -> bool:
    parsed = parse_segment(segment, size)
    return any(start < parsed.end and parsed.start < end for start, end in gaps.get(parsed.timeline, ()))
