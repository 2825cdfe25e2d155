"""Timelines: which one branched off which, and where; at which position of one the archive has to resume. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backup.layout import segment_start
from cluster.postgres.lsn import Lsn
from cluster.postgres.timeline_history import Switchpoint, parse_history

History = Sequence[Switchpoint]
"""The timelines before one, oldest first."""
Histories = Mapping[int, History]
"""By the timeline that each belongs to; timeline 1 needs none."""


@dataclass(frozen=True, slots=True)
class TimelineSpan:
    """The part of a history on one timeline, from ``start`` to before ``end``, which is open for the last one."""

    timeline: int
    start: Lsn
    end: Lsn | None

    def holds(self, lsn: int) -> bool:
        """Whether ``lsn`` can be reached on it, its end included."""
        return self.start <= lsn and (self.end is None or lsn <= self.end)


Lineage = tuple[TimelineSpan, ...]
"""A timeline with all its ancestors, oldest first."""


@dataclass(frozen=True, slots=True, order=True)
class WalPosition:
    """A position on a timeline."""

    timeline: int
    lsn: Lsn


def path_to(timeline: int, histories: Histories) -> Lineage | None:
    """The spans that lead to ``timeline``, oldest first; None where its history is not known."""
    if timeline not in histories and timeline != 1:
        return None
    return tuple(spans(timeline, histories.get(timeline, ())))


def spans(timeline: int, history: History) -> Iterator[TimelineSpan]:
    """The spans of ``timeline`` and of its history, oldest first."""
    start = Lsn(0)
    for switchpoint in history:
        yield TimelineSpan(switchpoint.timeline, start, switchpoint.at)
        start = switchpoint.at
    yield TimelineSpan(timeline, start, None)


def reaches(timeline: int, lsn: int, goal: int, histories: Histories) -> bool | None:
    """Whether recovery from ``lsn`` of ``timeline`` can come to ``goal``; None where nobody knows."""
    if timeline == goal:
        return True
    path = path_to(goal, histories)
    return None if path is None else any(part.timeline == timeline and part.holds(lsn) for part in path)


def lineage_of(text: str, timeline: int) -> Lineage:
    """The lineage of ``timeline`` from its history file; "" for timeline 1, which has none.

    Raises:
        ValueError: it is not that timeline's.
    """
    history = parse_history(text)
    if bool(history) != (timeline > 1) or (history and history[-1].timeline >= timeline):
        raise ValueError(f"not the history of timeline {timeline}")
    return tuple(spans(timeline, history))


def next_position(lineage: Lineage, have: Mapping[int, Lsn], segment_size: int) -> WalPosition | None:
    """Where the archive has to resume.

    Args:
        lineage: of the timeline that the server is on.
        have: for each timeline of the archive, the first byte it lacks.
        segment_size: bytes of a segment.

    Returns:
        The first position of the lineage that the archive lacks, at the start of a segment; None where the archive
        has nothing of this lineage yet.
    """
    known = [number for number, span in enumerate(lineage) if span.timeline in have]
    if not known:
        return None
    span = lineage[known[-1]]
    first_missing = have[span.timeline]
    if span.end is None or first_missing < span.end:
        return WalPosition(span.timeline, segment_start(first_missing, segment_size))
    # A segment in which a timeline begins is whole only on that timeline.
    after = lineage[known[-1] + 1]
    return WalPosition(after.timeline, segment_start(after.start, segment_size))


def timeline_at(lineage: Sequence[TimelineSpan], lsn: int) -> int:
    """The timeline that the segment beginning at ``lsn`` has to be taken from."""
    return next(span.timeline for span in lineage if span.end is None or lsn < span.end)
