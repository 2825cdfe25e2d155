"""How old the data of a replica is: since when the primary has had WAL that the replica has not replayed. Pure.

PostgreSQL's own measure is the age of the last commit replayed, which takes a replica in the midst of a long
transaction, or the first commit after a quiet hour, for a late one.
"""

from collections import deque

from cluster.postgres.lsn import Lsn

_SAMPLES = 4096
"""At most kept; the positions of the primary a second, for more than an hour."""


class ReplayAge:
    """Positions of the primary by the time at which they were read (monotonic seconds), each later than the last."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._samples: deque[tuple[float, Lsn]] = deque(maxlen=_SAMPLES)

    def add(self, now: float, written: Lsn) -> None:
        """The primary had written up to ``written`` at ``now``."""
        if self._began is None:
            self._began = now
        if self._samples and written < self._samples[-1][1]:  # another history, after a restore say
            self._began = now
            self._samples.clear()
        if not self._samples or written > self._samples[-1][1]:
            self._samples.append((now, written))

    def watched(self, now: float) -> float:
        """For how many seconds positions have been added: no age is known to be more."""
        return 0.0 if self._began is None else now - self._began

    def age(self, now: float, replayed: Lsn) -> float:
        """Seconds, at least, for which a server that has replayed up to ``replayed`` has been behind."""
        missing = next((when for when, written in self._samples if written > replayed), None)
        return 0.0 if missing is None else now - missing
