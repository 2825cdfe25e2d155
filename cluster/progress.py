"""How far a transfer of known length has come, as a line for people."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cluster.units import human_seconds, human_size
from cluster.waiting import Every


@dataclass(slots=True)
class TransferProgress:
    """Calls ``show`` about once a second; ``total`` in bytes may be an estimate."""

    what: str
    total: int
    show: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    _line: Every = field(default_factory=lambda: Every(1.0))

    def add(self, size: int) -> None:
        """So many bytes more are done; from several threads at once a line may be a piece behind."""
        self.done += size
        self.at(self.done)

    def at(self, done: int) -> None:
        """So many bytes are done."""
        if self._line.due():
            self.show(f"{self.what}: {transfer_text(done, self.total, time.monotonic() - self.began)}")


def transfer_text(done: int, total: int, seconds: float) -> str:
    """``45 % (3.2 GB of 7.1 GB), 120.0 MB/s, 33 s left``; only the size done where nothing more is known."""
    if not total or not done or seconds <= 0:
        return human_size(done)
    rate, left = done / seconds, max(0, total - done)
    share = f"{min(100, 100 * done // total)} % ({human_size(done)} of {human_size(max(done, total))})"
    return f"{share}, {human_size(rate)}/s, {human_seconds(left / rate)} left"
