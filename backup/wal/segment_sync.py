"""Syncing whole segments to disk while the next ones are received.

A sync takes as long as receiving a segment does: one after the other would halve the rate of catching up.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from backup.wal.spool import Unfinished
from cluster.postgres.lsn import Lsn

_MOST = 2
"""Segments that wait at once; a disk that is slower than the network has to hold the network up."""


class SegmentSyncer:
    """Syncs and renames segments in order, in a thread of its own; used by one thread.

    ``whole`` is called with the name of each segment once it is durable under that name.
    """

    def __init__(self, whole: Callable[[str], None]) -> None:
        self._whole = whole
        self._pool = ThreadPoolExecutor(1, "finish")
        self._waiting: deque[tuple[str, Lsn, Future[None]]] = deque()
        self._failed = False

    @property
    def first(self) -> tuple[str, Lsn] | None:
        """The first segment that may not be durable yet: its name, and the position up to which it was when added.

        It counts as durable only with its name: else a crash could lose it here after the server removed it.
        """
        return self._waiting[0][:2] if self._waiting else None

    def add(self, segment: Unfinished) -> None:
        """Add a whole segment; waits while too many wait. Raises OSError: an earlier one could not be synced."""
        self.collect()
        while len(self._waiting) >= _MOST:
            self._settle()
        durable = Lsn(segment.segment.start + segment.durable)
        self._waiting.append((str(segment.segment), durable, self._pool.submit(self._finish, segment)))

    def collect(self) -> None:
        """Forget those that are durable. Raises as `add`."""
        while self._waiting and self._waiting[0][2].done():
            self._settle()

    def wait(self) -> None:
        """Wait until all are durable under their names. Raises as `add`."""
        while self._waiting:
            self._settle()

    def close(self) -> None:
        """End the thread, with every segment synced or, after a failure, left as it is."""
        self._pool.shutdown()
        if not self._failed:
            self.wait()

    def _settle(self) -> None:
        self._waiting[0][2].result()
        self._waiting.popleft()

    def _finish(self, segment: Unfinished) -> None:
        """After one that failed, the next must not be named whole: the archive would go on behind it."""
        try:
            if not self._failed:
                self._failed = True
                self._whole(segment.finish())
                self._failed = False
        finally:
            segment.abandon()
