"""A log in which what goes on being wrong is not written again and again, also where two things take turns."""

import threading
import time
from collections.abc import Callable

_PERIOD = 3600.0
"""Seconds after which the same is worth a line again: logs are rotated, and read from their end."""
_MOST = 1000
"""Different lines that are remembered."""


class LogFilter:
    """Writes a line unless the same was written within ``period`` seconds; safe for all threads."""

    def __init__(
        self, write: Callable[[str], None], period: float = _PERIOD, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._period, self._clock = write, period, clock
        self._written: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, line: str, about: str = "") -> None:
        """Write ``line``; ``about`` is what makes it the same as another, where that is not its text."""
        key, now = about or line, self._clock()
        with self._lock:
            if now - self._written.get(key, float("-inf")) < self._period:
                return
            if len(self._written) >= _MOST:
                self._written.clear()
            self._written[key] = now
        self._write(line)

    def reset(self) -> None:
        """Everything is well again: what comes next is new."""
        with self._lock:
            self._written.clear()
