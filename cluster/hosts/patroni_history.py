"""What a Patroni agent answers to GET /history: who led since when, by timelines. Pure.

Source of keys and words: Patroni 4.1.5, "Patroni REST API", and the document of a running one, which a test holds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cluster.documents import LAST_MOMENT, parse_json, printable
from cluster.history import PrimaryChange
from cluster.postgres.lsn import Lsn

_MOST = 1000
"""Entries that are read; Patroni keeps what `max_timelines_history` says, and all by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """Who led from then on, on ``timeline``; None and "" are unknown, as of what was before Patroni."""

    timeline: int
    lsn: int
    at: float | None = None
    leader: str = ""


def parse_successions(text: str | bytes) -> tuple[Succession, ...]:
    """The document: a list of the timeline that ended, where it did, why, when, and who leads the one after it.

    Raises:
        ValueError: it is not that.
    """
    raw = parse_json(text)
    if not isinstance(raw, list):
        raise ValueError("it is no list")  # noqa: TRY004 - as every document that is not what it should be
    return tuple(_succession(each) for each in raw[-_MOST:])


def _succession(raw: object) -> Succession:
    if not isinstance(raw, list) or len(raw) < 2 or any(type(each) is not int or each < 0 for each in raw[:2]):
        raise ValueError("a change is no list that begins with a timeline and a place in its WAL")
    at, leader = (*raw[3:5], None, None)[:2]
    return Succession(
        timeline=raw[0] + 1,
        lsn=raw[1],
        at=_moment(at) if isinstance(at, str) else None,
        leader=printable(leader[:200]) if isinstance(leader, str) else "",
    )


def _moment(text: str) -> float | None:
    try:
        found = round(datetime.fromisoformat(text).timestamp(), 3)
    except (ValueError, OverflowError, OSError):
        return None
    return found if 0 <= found <= LAST_MOMENT else None


def changes_beyond(latest: PrimaryChange | None, found: Sequence[Succession]) -> Iterator[PrimaryChange]:
    """What a journal lacks whose ``latest`` change is this one: those on later timelines, by Patroni itself."""
    timeline, before = (latest.timeline or 0, latest.primary) if latest else (0, None)
    for each in sorted(found, key=lambda each: each.timeline):
        if each.timeline > timeline and each.leader and each.at is not None:
            again = each.leader == before
            yield PrimaryChange(
                at=each.at,
                event="timeline" if again else "failover",
                primary=each.leader,
                before=None if again else before,
                timeline=each.timeline,
                lsn=str(Lsn(each.lsn)),
                by="Patroni",
                reason="promoted again after a restart" if again else "",
            )
            before = each.leader
