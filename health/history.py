"""The last minutes, for the curves of the page."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cluster.status import Bytes
from cluster.view import View

POINTS = 300
"""How many polls are kept: five minutes at one a second."""


@dataclass(frozen=True, slots=True)
class Point:
    """One poll: Unix time, the primary's position in bytes, each replica's lag in bytes, and whether all was well."""

    taken: float
    written: Bytes | None
    lag: Mapping[str, Bytes | None]
    healthy: bool


@dataclass(frozen=True, slots=True)
class Points:
    """The last minutes, oldest first."""

    points: tuple[Point, ...] = ()

    def lags(self, name: str) -> tuple[int | None, ...]:
        """A replica's lag at each point."""
        return tuple(point.lag.get(name) for point in self.points)

    def rates(self) -> tuple[float | None, ...]:
        """Bytes of WAL a second that the primary wrote before each point; None where it is unknown."""
        return (None, *(_rate(before, after) for before, after in pairwise(self.points))) if self.points else ()


def _rate(before: Point, after: Point) -> float | None:
    if before.written is None or after.written is None:
        return None
    return max(0.0, (after.written - before.written) / max(0.1, after.taken - before.taken))


def most(values: Sequence[float | None]) -> float | None:
    """The greatest of those that are known."""
    return max((value for value in values if value is not None), default=None)


def last_known(values: Sequence[float | None]) -> float | None:
    """The latest of those that are known."""
    return next((value for value in reversed(values) if value is not None), None)


class History:
    """Remembers the latest points."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=POINTS)

    def add(self, view: View) -> Points:
        """Remember one poll; all that is remembered."""
        lag = {node.name: view.lag(node.name) for node in view.topology.replicas}
        primary = view.snapshot.primary
        written = int(primary.facts.lsn) if primary and primary.facts else None
        self._points.append(Point(round(view.snapshot.taken, 3), written, lag, view.verdict.healthy))
        return self.points

    @property
    def points(self) -> Points:
        """All of them, as they are now: the watcher's thread goes on adding."""
        return Points(tuple(self._points))
