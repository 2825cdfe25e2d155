"""Segments that are whole, on their way to the disk while the next ones are received.

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
    """Finishes in order, in a thread of its own; used by one thread, but for `first`."""

    def __init__(self, whole: Callable[[str], None]) -> None:
        self._whole = whole
        self._pool = ThreadPoolExecutor(1, "finish")
        self._waiting: deque[tuple[str, Lsn, Future[None]]] = deque()
        self._failed = False

    @property
    def first(self) -> tuple[str, Lsn] | None:
        """Of those that are whole, the first that may not be durable: its name, and up to where it was before.

        Durable it is with its name only: else it might be received again after a crash, and be gone on the server.
        """
        try:
            return self._waiting[0][:2]
        except IndexError:
            return None

    def add(self, segment: Unfinished) -> None:
        """Finish one; waits where too many do already. Raises OSError: one before it could not be."""
        self.collect()
        while len(self._waiting) >= _MOST:
            self._settle()
        durable = Lsn(segment.segment.start + segment.durable)
        self._waiting.append((str(segment.segment), durable, self._pool.submit(self._finish, segment)))

    def collect(self) -> None:
        """Let go of those that are done. Raises as `add`."""
        while self._waiting and self._waiting[0][2].done():
            self._settle()

    def wait(self) -> None:
        """All are durable, and named so. Raises as `add`."""
        while self._waiting:
            self._settle()

    def close(self) -> None:
        """End, with what there is finished or, after a failure, left as it is."""
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
