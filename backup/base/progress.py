"""How far a stream of known length has come, for people."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cluster.units import human_seconds, human_size

_EVERY = 1.0
"""Seconds between two lines of progress."""


@dataclass(slots=True)
class TransferProgress:
    """Tells ``progress`` about once a second; ``total`` in bytes may be an estimate."""

    what: str
    total: int
    progress: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    _reported: float = 0.0

    def add(self, size: int) -> None:
        """So many bytes more are done; from several threads at once a line may be a piece behind."""
        self.done += size
        self.at(self.done)

    def at(self, done: int) -> None:
        """So many bytes are done."""
        now = time.monotonic()
        if now - self._reported >= _EVERY:
            self._reported = now
            self.progress(f"{self.what}: {text(done, self.total, now - self.began)}")


def text(done: int, total: int, seconds: float) -> str:
    """``45 % (3.2 GB of 7.1 GB), 120.0 MB/s, 33 s left``."""
    if not total or not done or seconds <= 0:
        return human_size(done)
    rate, left = done / seconds, max(0, total - done)
    share = f"{min(100, 100 * done // total)} % ({human_size(done)} of {human_size(max(done, total))})"
    return f"{share}, {human_size(rate)}/s, {human_seconds(left / rate)} left"
