"""Histories of timelines: which timeline came from which, and where. Pure.

Source: PostgreSQL 18, src/backend/access/transam/timeline.c: a line per ancestor, oldest first, of its number, the
position at which it was left, and a reason; ``#`` begins a comment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backup.layout import segment_start
from cluster.lsn import Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The WAL of one timeline as a later one sees it: from ``begin`` to ``end`` (None: it goes on)."""

    timeline: int
    begin: Lsn
    end: Lsn | None


Lineage = tuple[Stretch, ...]
"""A timeline with all its ancestors, oldest first."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position on a timeline."""

    timeline: int
    lsn: Lsn


def parse_history(text: str, timeline: int) -> Lineage:
    """The lineage of ``timeline`` from its history file; "" for timeline 1, which has none.

    Raises:
        ValueError: it is no such file.
    """
    lines = [line.split("#")[0].split() for line in text.splitlines()]
    ancestors = [(int(words[0]), Lsn.parse(words[1])) for words in lines if len(words) >= 2]
    numbers = [number for number, _ in ancestors]
    ends = [end for _, end in ancestors]
    if numbers != sorted(set(numbers)) or ends != sorted(ends) or (numbers and numbers[-1] >= timeline):
        raise ValueError(f"not the history of timeline {timeline}")
    if bool(numbers) != (timeline > 1):
        raise ValueError(f"timeline {timeline} has no history of its own")
    begins = [Lsn(0), *ends]
    return tuple(
        Stretch(timeline=number, begin=begin, end=end)
        for number, begin, end in zip([*numbers, timeline], begins, [*ends, None], strict=True)
    )


def next_place(lineage: Lineage, have: Mapping[int, Lsn], segment_size: int) -> Place | None:
    """Where the archive has to go on.

    Args:
        lineage: of the timeline that the server is on.
        have: for each timeline of the archive, the first byte it lacks.
        segment_size: bytes of a segment.

    Returns:
        The first position of the lineage that the archive lacks, at the start of a segment; None where the archive
        has nothing of this lineage yet.
    """
    known = [number for number, stretch in enumerate(lineage) if stretch.timeline in have]
    if not known:
        return None
    stretch = lineage[known[-1]]
    lacks = have[stretch.timeline]
    if stretch.end is None or lacks < stretch.end:
        return Place(stretch.timeline, segment_start(lacks, segment_size))
    # A segment in which a timeline begins is whole only on that timeline.
    after = lineage[known[-1] + 1]
    return Place(after.timeline, segment_start(after.begin, segment_size))


def timeline_at(lineage: Sequence[Stretch], lsn: int) -> int:
    """The timeline that the segment beginning at ``lsn`` has to be taken from."""
    return next(stretch.timeline for stretch in lineage if stretch.end is None or lsn < stretch.end)
