"""Readings of counters in, buckets of work out. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cluster.insight.statement_history import BUCKET, MOST_OF_BUCKET, StatementBucket, Works, bounded, summed
from cluster.insight.statements import CountedStatement, StatementKey, StatementWork, grown

LONGEST = 600.0
"""Seconds between two readings of a node beyond which nobody can say when the work in between was done: a gap."""
MOST_BUCKETS = 12
"""Buckets that are remembered until they are stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedReading:
    """The counters of one node, when by the clock (Unix seconds), and when by one that nobody sets (monotonic)."""

    node: str
    counted: tuple[CountedStatement, ...]
    taken: float
    monotonic: float


@dataclass(slots=True, kw_only=True)
class _OpenBucket:
    """What came so far; all of it, so that the greatest are known at its end."""

    begun: int
    length: int = BUCKET
    works: dict[StatementKey, StatementWork] = field(default_factory=dict)
    read: dict[str, float] = field(default_factory=dict)

    def add(self, node: str, works: Works, seconds: float) -> None:
        self.works = summed((self.works, works))
        self.read[node] = self.read.get(node, 0.0) + seconds

    def so_far(self) -> StatementBucket:
        works = bounded(self.works, MOST_OF_BUCKET)
        return StatementBucket(begun=self.begun, length=self.length, works=works, read=dict(self.read))


class StatementLedger:
    """What came between two readings of a node belongs to the bucket of the middle of the time between them.

    Nothing is known of the time before the first reading of a node, and before one that is too long after the last.
    ``stored`` finds the bucket that began at a time, where one was stored: before a restart, or before the clock was
    set back.
    """

    def __init__(self, stored: Callable[[int], StatementBucket | None] = lambda _: None) -> None:
        self._stored = stored
        self._last: dict[str, TimedReading] = {}
        self._open: dict[int, _OpenBucket] = {}
        self._closed: dict[int, StatementBucket] = {}

    def add(self, reading: TimedReading) -> None:
        """Take one more reading into account."""
        before, self._last[reading.node] = self._last.get(reading.node), reading
        seconds = reading.monotonic - before.monotonic if before else LONGEST + 1
        if before is None or not 0 < seconds <= LONGEST:
            return
        begun = int((reading.taken - seconds / 2) // BUCKET * BUCKET)
        self._bucket(begun).add(reading.node, grown(reading.counted, before.counted), seconds)

    def keep(self, nodes: Mapping[str, object]) -> None:
        """Forget nodes that are no longer there."""
        self._last = {name: each for name, each in self._last.items() if name in nodes}

    def last(self, node: str) -> tuple[CountedStatement, ...]:
        """The counters of the latest reading of a node."""
        found = self._last.get(node)
        return found.counted if found else ()

    def buckets(self) -> tuple[StatementBucket, ...]:
        """Those that changed since they were stored, as they are now."""
        return tuple({**self._closed, **{begun: each.so_far() for begun, each in self._open.items()}}.values())

    def store(self) -> None:
        """All of them are stored; what is under way is remembered."""
        self._close(most=2)
        self._closed.clear()

    def _bucket(self, begun: int) -> _OpenBucket:
        if begun not in self._open:
            found = self._closed.pop(begun, None) or self._stored(begun)
            self._open[begun] = (
                _OpenBucket(begun=begun, length=found.length, works=dict(found.works), read=dict(found.read))
                if found
                else _OpenBucket(begun=begun)
            )
            self._close(most=3)
        return self._open[begun]

    def _close(self, most: int) -> None:
        """All but the buckets that were begun last, in whatever order the clock had them."""
        while len(self._open) > most:
            begun = next(iter(self._open))
            self._closed[begun] = self._open.pop(begun).so_far()
        while len(self._closed) > MOST_BUCKETS:
            self._closed.pop(next(iter(self._closed)))
