"""PostgreSQL's history files: which timelines came before one, and where each was left. Pure.

Source: PostgreSQL 18, src/backend/access/transam/timeline.c: a line of a history file is a timeline, the position at
which it was left, and a reason, separated by white space; ``#`` begins a comment.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cluster.postgres.lsn import Lsn

MOST_TIMELINES = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Switchpoint:
    """The end of ``timeline``, at ``at``, where the next one of a history branches off, and PostgreSQL's reason."""

    timeline: int
    at: Lsn
    reason: str = field(default="", compare=False)


def parse_history(text: str) -> tuple[Switchpoint, ...]:
    """Read a history file.

    Raises:
        ValueError: it is none.
    """
    lines = [line.split(None, 2) for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    found = tuple(_switchpoint(words) for words in lines)
    for before, after in pairwise(found):
        if not (before.timeline < after.timeline and before.at <= after.at):
            raise ValueError(f"timeline {after.timeline} cannot follow {before.timeline} in a history")
    return found


def _switchpoint(words: Sequence[str]) -> Switchpoint:
    if len(words) < 2 or not (words[0].isascii() and words[0].isdigit()):
        raise ValueError(f"not a line of a timeline history: {' '.join(words)!r}")
    if not 0 < (timeline := int(words[0])) <= MOST_TIMELINES:
        raise ValueError(f"there is no timeline {words[0][:20]}")
    return Switchpoint(timeline, Lsn.parse(words[1]), words[2].strip() if len(words) > 2 else "")
