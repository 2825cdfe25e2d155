"""The pipeline from the receiver to the shippers: the spool, each store's queue, and the position of the stream.

One thread receives and calls `advance` and `set_status`; `complete` is called by it and by the thread that syncs whole
segments. The shippers and the archiver's report read from any thread. Two orders hold: a segment is in the queue before
a position behind it is published, and a reader that wants both reads the position first. So what is neither queued nor
shipped is never taken for archived.
"""

import threading
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from backup.wal.spool import HISTORY, Spool, timeline_of
from cluster.postgres.lsn import Lsn
from cluster.waiting import Every

_MEASURE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverStatus:
    """The node that WAL is received from, whether it streams now, and the last error ("": none)."""

    node: str = ""
    streaming: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPosition:
    """The position of a stream; of one that ended, the last.

    Args:
        timeline: of the WAL.
        written: the position after the last byte received.
        durable: everything before this position is durable in the spool.
        unfinished: the first segment that is not whole in the spool, and how many bytes of its file may be read; None
            where it will never be whole.
    """

    timeline: int
    written: Lsn
    durable: Lsn
    unfinished: tuple[str, int] | None


def _with_history(names: Iterable[str]) -> set[int]:
    return {timeline_of(name) for name in names if name.endswith(HISTORY)}


class ShipQueue:
    """Files of the spool that each store has still to get; one store's errors hold no other back. For all threads."""

    def __init__(self, stores: Sequence[str]) -> None:
        self._waiting: dict[str, set[str]] = {store: set() for store in stores}
        self._busy: dict[str, set[str]] = {store: set() for store in stores}
        self._resting: dict[tuple[str, str], float] = {}
        self._changed = threading.Condition()

    def add(self, names: Iterable[str]) -> None:
        """Every store is to get these."""
        with self._changed:
            for waiting in self._waiting.values():
                waiting.update(names)
            self._changed.notify_all()

    def take(self, store: str, timeout: float) -> str | None:
        """The lowest name that no thread is shipping to ``store``; None where there is none within ``timeout`` s.

        Nothing of a timeline is given out before its history is in the store, which may have another one; other
        timelines go on meanwhile.
        """
        with self._changed:
            name = self._changed.wait_for(lambda: self._next(store), timeout)
            if name is None:
                return None
            self._waiting[store].remove(name)
            self._busy[store].add(name)
            self._resting.pop((store, name), None)
            return name

    def _next(self, store: str) -> str | None:
        unsettled, now = self._unsettled(store), time.monotonic()
        ready = (name for name in self._waiting[store] if name.endswith(HISTORY) or timeline_of(name) not in unsettled)
        return min((name for name in ready if self._resting.get((store, name), now) <= now), default=None)

    def _unsettled(self, store: str) -> set[int]:
        return _with_history(self._waiting[store]) | _with_history(self._busy[store])

    def unsettled(self, store: str) -> set[int]:
        """Timelines whose history ``store`` has still to get."""
        with self._changed:
            return self._unsettled(store)

    def done(self, store: str, name: str) -> bool:
        """``store`` has it. True when no store needs it any more."""
        with self._changed:
            self._busy[store].discard(name)
            self._changed.notify_all()
            return not any(name in names for part in (self._waiting, self._busy) for names in part.values())

    def failed(self, store: str, name: str, pause: float = 0.0) -> None:
        """Shipping failed; it is queued again, and given out ``pause`` seconds from now at the soonest."""
        with self._changed:
            self._busy[store].discard(name)
            self._waiting[store].add(name)
            if pause:
                self._resting[store, name] = time.monotonic() + pause
            self._changed.notify_all()

    def left(self, store: str) -> list[str]:
        """What ``store`` has still to get, lowest first."""
        with self._changed:
            return sorted(self._waiting[store] | self._busy[store])


class Pipeline:
    """Held by the receiver and by the shipper of each store; safe for all threads.

    Args:
        spool: WAL on its way, on disk.
        stores: names of the stores that are to get it.
        spool_limit: bytes in the spool from which on nothing more is received.
        flush_seconds: what was received is durable, and reported so, at most this later; until then the primary keeps
            it. More often costs the primary: a sync of a growing file delays every other sync of the file system.
    """

    def __init__(self, spool: Spool, stores: Sequence[str], spool_limit: int, flush_seconds: float = 1.0) -> None:
        self.spool, self.flush_seconds = spool, flush_seconds
        self.queue = ShipQueue(stores)
        self.queue.add(spool.to_ship())
        self._limit, self._bytes, self._measure = spool_limit, 0, Every(_MEASURE_SECONDS)
        self._lock = threading.Lock()
        self._status = ReceiverStatus()
        self._position: StreamPosition | None = None
        self._requested = False
        self._unread: frozenset[str] = frozenset()

    def complete(self, name: str) -> None:
        """A file of the spool is complete and durable: every store is to get it."""
        self.queue.add([name])

    def is_full(self) -> bool:
        """Whether the spool has reached its limit; called by the receiver alone.

        Measured a few times a second: what comes in between is small beside any limit.
        """
        if self._measure.due():
            self._bytes = self.spool.size()
        return self._bytes >= self._limit

    def status(self) -> ReceiverStatus:
        """The receiver's status."""
        with self._lock:
            return self._status

    def set_status(self, status: ReceiverStatus) -> None:
        """Publish the receiver's status."""
        with self._lock:
            self._status = status

    def position(self) -> StreamPosition | None:
        """The position of the present stream, or of the last one; None before the first."""
        with self._lock:
            return self._position

    def unfinished(self) -> tuple[str, int] | None:
        """See `StreamPosition`; None before the first stream as well."""
        position = self.position()
        return position.unfinished if position else None

    def advance(self, position: StreamPosition) -> None:
        """Publish the stream's position. What lies before its unfinished segment is complete."""
        with self._lock:
            self._position = position

    def request_again(self) -> None:
        """Have the receiver read anew what the stores lack, and receive that."""
        with self._lock:
            self._requested = True

    def is_requested(self) -> bool:
        """Whether `request_again` was called since the last `take_request`."""
        with self._lock:
            return self._requested

    def take_request(self) -> bool:
        """As `is_requested`; the request is served by the caller."""
        with self._lock:
            requested, self._requested = self._requested, False
            return requested

    def set_unread(self, stores: Collection[str]) -> None:
        """These stores did not answer when the receiver read what they have."""
        with self._lock:
            self._unread = frozenset(stores)

    def unread(self) -> frozenset[str]:
        """Stores of which the receiver does not know what they have."""
        with self._lock:
            return self._unread

    def store_answered(self, store: str) -> None:
        """``store`` took something; if the receiver could not read it, it is requested to do that now."""
        if store in self.unread():
            self.request_again()
