"""Where the archive has to go on, on a timeline that came from others. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backup.layout import segment_start
from backup.timelines import Stretch, parse_history, stretches
from cluster.postgres.lsn import Lsn

Lineage = tuple[Stretch, ...]
"""A timeline with all its ancestors, oldest first."""


@dataclass(frozen=True, slots=True, order=True)
class WalPosition:
    """A position on a timeline."""

    timeline: int
    lsn: Lsn


def lineage_of(text: str, timeline: int) -> Lineage:
    """The lineage of ``timeline`` from its history file; "" for timeline 1, which has none.

    Raises:
        ValueError: it is not that timeline's.
    """
    history = parse_history(text)
    if bool(history) != (timeline > 1) or (history and history[-1].timeline >= timeline):
        raise ValueError(f"not the history of timeline {timeline}")
    return tuple(stretches(timeline, history))


def next_position(lineage: Lineage, have: Mapping[int, Lsn], segment_size: int) -> WalPosition | None:
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
    first_missing = have[stretch.timeline]
    if stretch.end is None or first_missing < stretch.end:
        return WalPosition(stretch.timeline, segment_start(first_missing, segment_size))
    # A segment in which a timeline begins is whole only on that timeline.
    after = lineage[known[-1] + 1]
    return WalPosition(after.timeline, segment_start(after.start, segment_size))


def timeline_at(lineage: Sequence[Stretch], lsn: int) -> int:
    """The timeline that the segment beginning at ``lsn`` has to be taken from."""
    return next(stretch.timeline for stretch in lineage if stretch.end is None or lsn < stretch.end)
