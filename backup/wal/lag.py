"""How long a store has been behind, from when we received what it lacks."""

import time
from collections import deque
from collections.abc import Callable


class Lag:
    """Remembers when each position was reached, to the second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reached: deque[tuple[int, float]] = deque(maxlen=7 * 86400)

    def reach(self, position: int) -> None:
        """WAL is received up to ``position`` now."""
        if not self._reached or position > self._reached[-1][0]:
            self._reached.append((position, self._clock()))

    def of(self, archived: int | None) -> float:
        """Seconds since the oldest WAL was received that is not within ``archived``; 0 when there is none."""
        if archived is None:
            return 0.0
        since = next((time for position, time in self._reached if position > archived), None)
        return 0.0 if since is None else self._clock() - since

    def forget(self, archived: int) -> None:
        """Nobody lacks anything before this."""
        while self._reached and self._reached[0][0] <= archived:
            self._reached.popleft()
