"""The last minutes, for the sparklines of the page."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cluster.status import View

POINTS = 300
"""How many polls are kept: five minutes at one a second."""


@dataclass(frozen=True, slots=True)
class Point:
    """One poll: Unix time, the primary's position in bytes, each replica's lag in bytes, and whether all was well."""

    taken: float
    written: int | None
    lag: Mapping[str, int | None]
    healthy: bool


class History:
    """The latest points, oldest first."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=POINTS)

    def add(self, view: View) -> None:
        """Remember one poll."""
        lag = {node.name: view.lag(node.name) for node in view.topology.replicas}
        primary = view.snapshot.primary
        written = int(primary.facts.lsn) if primary and primary.facts else None
        self._points.append(Point(round(view.snapshot.taken, 3), written, lag, view.verdict.healthy))

    def as_data(self) -> dict[str, Any]:
        """All points, as JSON can hold them."""
        # a copy at once: the watcher's thread goes on adding
        return {"points": [asdict(point) for point in list(self._points)]}
