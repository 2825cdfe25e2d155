"""What a change of the primary was like for clients."""

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Self

from cluster.endpoints import POOLER
from cluster.naming import write_pools
from cluster.postgres.connection import Access
from compose.home import passwords
from compose.home.paths import Home
from compose.home.primary_journal import read_journal
from compose.operations.promotion.canary import Canary
from compose.operations.promotion.recorded_change import current_timeline
from compose.stack import Stack

if TYPE_CHECKING:
    from compose.operations.promotion.switchover import Switchover


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Who is primary now, from which LSN on, and what a client of the pool of writers saw: a wait, and errors."""

    primary: str
    before: str
    lsn: str
    timeline: int
    gap: float | None
    transactions: int
    failed: int
    stack: Stack

    @classmethod
    def of(cls, change: "Switchover", canary: Canary) -> Self:
        """Of a change that is done."""
        return cls(
            primary=change.target,
            before=change.source,
            lsn=change.lsn,
            timeline=current_timeline(change.stack) or 0,
            gap=canary.gap if canary.done > 1 else None,
            transactions=canary.done,
            failed=canary.failed,
            stack=change.stack,
        )

    def __str__(self) -> str:
        waited = "no client was watching" if self.gap is None else f"a client waited {self.gap:.2f} s"
        return (
            f"{self.primary} is the primary, on timeline {self.timeline} from {self.lsn} on; {waited}, "
            f"{self.failed} of its {self.transactions} transactions failed"
        )


def canary_access(stack: Stack) -> Access:
    """The pool of writers, as the application."""
    access = stack.access(POOLER, passwords.APP, write_pools(stack.settings.database)[1])
    return replace(access, connect_timeout=3, application="pods_canary")


def expected_gap(home: Home) -> str:
    """How long clients would wait, from what the last switchovers took."""
    gaps = [change.gap_seconds for change in read_journal(home).changes if change.event == "switchover"]
    known = [gap for gap in gaps if gap is not None][-10:]
    if not known:
        return "how long clients would wait is not known: no switchover was measured here yet; about a second is usual"
    return f"clients would wait about {median(known):.2f} s, as with the last {len(known)} (at most {max(known):.2f} s)"
