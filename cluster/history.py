"""Who was the primary when, and why: the journal that PODS keeps, and what PostgreSQL's history files add to it.

The journal is a file with a JSON object per line, the oldest first; nothing in it is ever changed. A line that cannot
be read (the last one after a power loss, say) is left out and counted. What happened before the journal began, or
without PODS, is in PostgreSQL's history files: where each timeline branched off, but neither when nor on which node.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cluster import documents
from cluster.documents import OMIT_NONE
from cluster.postgres.timeline_history import parse_history
from cluster.units import utc

NAME = "history.jsonl"
"""The journal in data/, and a copy of its latest lines among the files that services read."""
_TAIL = 4096
"""Bytes: more than the last line has."""

Event = Literal["first start", "noticed", "switchover", "failover", "restore", "timeline"]
"""Why somebody is the primary. ``noticed``: it was before the journal began; ``timeline``: a history file says so."""
_NOTICED = "noticed"
"""The one event that begins no timeline."""
_EVENTS: Mapping[str, str] = {"noticed": "or before", "restore": "restored"}
"""Of events whose names do not read well in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryChange:
    """One change of the primary. The fields are the keys of its JSON; None is unknown.

    Args:
        at: Unix time at which it took writes.
        event: an `Event`, or one of a newer PODS.
        primary: who is the primary from then on.
        before: who was until then.
        timeline: the one that it writes.
        lsn: where it took over: all before is as the primary before wrote it.
        reason: in words.
        gap_seconds: for which clients of PgBouncer waited.
        by: what made the change.
    """

    at: float | None = None
    event: str
    primary: str | None = None
    before: str | None = None
    timeline: int | None = None
    lsn: str | None = None
    reason: str = ""
    gap_seconds: float | None = field(default=None, metadata=OMIT_NONE)
    by: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """What a journal's text holds: the changes, oldest first, and how many lines cannot be read."""

    changes: tuple[PrimaryChange, ...] = ()
    unreadable: int = 0

    @property
    def latest(self) -> PrimaryChange | None:
        """The one that made the primary what it is."""
        return self.changes[-1] if self.changes else None


@dataclass(frozen=True, slots=True)
class BranchPoint:
    """Where a timeline branched off another one, and what PostgreSQL says of the reason."""

    parent: int
    lsn: str
    reason: str = ""


def dump(change: PrimaryChange) -> str:
    """The line of one change."""
    return json.dumps(documents.to_json(change)) + "\n"


def parse(text: str | bytes) -> Journal:
    """The journal of a text; never an error, whatever it holds."""
    lines = (text.decode(errors="replace") if isinstance(text, bytes) else text).split("\n")
    read = [_read(line) for line in lines if line.strip()]
    return Journal(tuple(change for change in read if change is not None), read.count(None))


def _read(line: str) -> PrimaryChange | None:
    try:
        change = documents.read_as(PrimaryChange, documents.parse_json(line))
    except ValueError:
        return None
    return change if change.at is None or 0 <= change.at <= documents.LAST_MOMENT else None


def read_latest(path: Path) -> PrimaryChange | None:
    """The latest change of the journal in ``path``; None where there is none that can be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return parse(file.read()).latest
    except OSError:
        return None


def since(change: PrimaryChange) -> str:
    """A change in words: ``replica1 since 2026-11-27 15:20:00 UTC, switchover from primary, timeline 3``."""
    moment = "" if change.at is None else f" since {utc(change.at)} UTC"
    source = f" from {change.before}" if change.before not in (None, change.primary) else ""
    timeline = "" if change.timeline is None else f", timeline {change.timeline}"
    return f"{change.primary}{moment}, {_EVENTS.get(change.event, change.event)}{source}{timeline}"


def repeats(journal: Journal, change: PrimaryChange) -> bool:
    """Whether ``change`` is the latest one of the journal, noted before by a run that was interrupted after it."""
    latest = journal.latest
    return latest is not None and change.event != _NOTICED and _identity(latest) == _identity(change)


def _identity(change: PrimaryChange) -> tuple[str, str | None, str | None, int | None]:
    return change.event, change.primary, change.before, change.timeline


def branch_points(files: Mapping[int, str]) -> dict[int, BranchPoint]:
    """Where each timeline began, from the texts of history files by their timelines; one that is none is left out."""
    found: dict[int, BranchPoint] = {}
    for timeline in sorted(files):
        try:
            history = parse_history(files[timeline])
        except ValueError:
            continue
        children = [*(point.timeline for point in history[1:]), timeline]
        for child, point in zip(children, history, strict=bool(history)):
            if point.timeline < child:
                found.setdefault(child, BranchPoint(point.timeline, str(point.at), point.reason))
    return found


def merge(changes: Sequence[PrimaryChange], branches: Mapping[int, BranchPoint]) -> tuple[PrimaryChange, ...]:
    """The changes in their order, and before the first that is on a later timeline those that only branches show."""
    known = {change.timeline for change in changes if change.event != _NOTICED}
    missing = sorted(set(branches) - known)
    return tuple(_merged(changes, [(timeline, _shown(timeline, branches[timeline])) for timeline in missing]))


def _merged(changes: Sequence[PrimaryChange], missing: Sequence[tuple[int, PrimaryChange]]) -> Iterator[PrimaryChange]:
    left = list(missing)
    for change in changes:
        while left and change.timeline is not None and left[0][0] <= change.timeline:
            yield left.pop(0)[1]
        yield change
    yield from (shown for _, shown in left)


def _shown(timeline: int, branch: BranchPoint) -> PrimaryChange:
    reason = f"left timeline {branch.parent}" + (f": {branch.reason}" if branch.reason else "")
    return PrimaryChange(event="timeline", timeline=timeline, lsn=branch.lsn, reason=reason, by="PostgreSQL")
