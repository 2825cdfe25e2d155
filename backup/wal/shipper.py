"""The shipper of one store: threads that upload whole segments, and one for pieces of the unfinished segment."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from backup.layout import gaps_prefix, history_key, parse_segment, wal_key
from backup.store import ConflictError, Store
from backup.wal.codec import LEVEL, pack, unpack
from backup.wal.gaps import Gap, note, ship_notes, want_full
from backup.wal.identity import ArchiveIdentity, claim
from backup.wal.page_headers import NotWalError, check_pages
from backup.wal.partial_segments import PartialSegments
from backup.wal.pipeline import Pipeline
from backup.wal.spool import CLOSED, HISTORY, Buffer, timeline_of
from cluster.errors import PodsError
from cluster.log_filter import LogFilter
from cluster.postgres.lsn import Lsn
from cluster.waiting import Backoff

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_DAY = 86_400.0
_NAMES = re.compile(r"[0-9A-F]{8,}")
"""Of timelines and segments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipping:
    """How WAL is shipped: threads for each store, zstd level, seconds between two pieces of a tail."""

    uploads: int = 4
    level: int = LEVEL
    tail_seconds: float = 10.0


class Shipper:
    """Runs its threads from `start` to `stop`; its attributes may be read from any thread."""

    def __init__(self, store: Store, pipeline: Pipeline, how: Shipping, progress: Callable[[str], None]) -> None:
        self.store, self._pipeline, self._how, self._progress = store, pipeline, how, progress
        self._spool = spool = pipeline.spool
        self._partial = PartialSegments(store, spool, how.level, self._leave)
        self._buffer = Buffer()
        self._stop = threading.Event()
        self._conflicts: dict[str, str] = {}
        """By name: why the store refuses it, which has another; "" of what was settled."""
        self._threads: list[threading.Thread] = []
        self._claimed = False
        self._failing: set[str] = set()
        self._complain, self._complain_of_pieces = LogFilter(progress), LogFilter(progress, _DAY)
        self.segments = self.gaps = 0
        self.shipped_at: float | None = None
        self.error = self.tail_error = ""

    def start(self) -> None:
        """Start the threads."""
        segment_workers = [self._ship_whole] * self._how.uploads
        for number, work in enumerate([*segment_workers, self._ship_partials]):
            thread = threading.Thread(target=work, name=f"ship-{self.store.name}-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ask the threads to end; the last piece of the tail is shipped then."""
        self._stop.set()

    def join(self, timeout: float) -> None:
        """Wait for the threads, at most ``timeout`` seconds each."""
        for thread in self._threads:
            thread.join(timeout)

    @property
    def alive(self) -> bool:
        """No thread has died of a bug."""
        return self._stop.is_set() or all(thread.is_alive() for thread in self._threads)

    @property
    def conflicts(self) -> int:
        """Files that the store has with another content, each counted once."""
        return len(self._conflicts)

    def archived(self) -> Lsn | None:
        """The store has the WAL of the current timeline up to here; None while nothing is received."""
        unfinished = self._pipeline.unfinished()  # first: what is before it is in the queue by now, or shipped
        left = [name for name in self._pipeline.queue.left(self.store.name) if not name.endswith(HISTORY)]
        if left:
            return self._spool.segment(left[0]).start
        if unfinished is None:
            return None
        segment, _ = unfinished
        return Lsn(self._spool.segment(segment).start + self._partial.end(segment))

    def _ship_whole(self) -> None:
        retry = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while not self._stop.is_set():
            name = self._pipeline.queue.take(self.store.name, 0.5)
            if name is None:
                self._buffer.free()
                continue
            if self._try(name):
                retry.reset()
            else:
                self._stop.wait(retry.pause())

    def _try(self, name: str) -> bool:
        try:
            self._ship(name)
        except NotWalError as error:
            self._reject(name, error)
        except FileNotFoundError:
            self._request_again(name)  # shipped by another thread, most likely; the receiver will find it in the store
        except ConflictError as error:  # the store answers: all else goes on
            self._refused(name, f"{name} is not in store {self.store.name}: {error}")
            return True
        except (PodsError, OSError) as error:
            self._failing.add(name)
            self._report(f"{name} is not in store {self.store.name}: {error}", whatever=True)
            self._pipeline.queue.failed(self.store.name, name)
            return False
        self._recover(name)
        if self._pipeline.queue.done(self.store.name, name) and not name.endswith(HISTORY):
            self._spool.remove(name)
        return True

    def _refused(self, name: str, why: str) -> None:
        self._report(why)
        self._conflicts[name] = why
        self._pipeline.queue.failed(self.store.name, name, _LONGEST_PAUSE)

    def _report(self, error: str, *, whatever: bool = False) -> None:
        """Say what is wrong, once; ``whatever``: also of other segments, which all fail while a store is down."""
        self._complain(error, about=_NAMES.sub("", error) if whatever else "")
        self.error = error

    def _leave(self, error: str) -> None:
        """What goes on for as long as the store is as it is; each piece has a name and a place of its own."""
        self._complain_of_pieces(error, about="pieces")

    def _recover(self, name: str) -> None:
        """A file is in the store, or no longer to be shipped; when that was the last that failed, all is well again."""
        if name in self._failing:
            self._failing.discard(name)
            if not self._failing:
                self._complain.reset()
                self._progress(f"store {self.store.name} takes WAL again")

    def _ship(self, name: str) -> None:
        """Put one file into the store.

        Raises:
            ConflictError: the store has another of that name.
            PodsError: the store does not have it, or does not answer.
        """
        self._claim()
        timeline = timeline_of(name)
        if name.endswith(HISTORY):
            self._ship_history(timeline, name)
        elif name.endswith(CLOSED):
            self._partial.ship_closed(name)
        else:
            self._ship_segment(name)
        if name in self._conflicts:
            self._conflicts[name] = ""
        self.error = next(filter(None, list(self._conflicts.values())), "")
        self._took()

    def _took(self) -> None:
        self.shipped_at = time.time()
        self._pipeline.store_answered(self.store.name)

    def _claim(self) -> None:
        """Once in a run: see that the store's archive is this cluster's, and how many gaps it has."""
        if not self._claimed:
            spool = self._spool
            claim(self.store, ArchiveIdentity(system_identifier=spool.system, wal_segment_size=spool.segment_size))
            self.gaps = sum(1 for _ in self.store.list(gaps_prefix(spool.system)))
            self._claimed = True

    def _ship_history(self, timeline: int, name: str) -> None:
        try:
            self.store.create(history_key(self._spool.system, timeline), bytes(self._spool.read(name)))
        except ConflictError:
            message = f"the store has another history of timeline {timeline}: nothing of it is shipped"
            raise ConflictError(message) from None

    def _ship_segment(self, name: str) -> None:
        data = self._spool.read(name, buffer=self._buffer)
        segment = self._spool.segment(name)
        if len(data) != segment.size:
            raise NotWalError(f"{name} has {len(data)} bytes in the spool")
        check_pages(data, segment, self._spool.system)
        try:
            self.store.create(wal_key(self._spool.system, name), pack(data, self._how.level))
        except ConflictError as error:
            self._settle(name, data, error)
        self._partial.drop(name)
        self.segments += 1

    def _settle(self, name: str, data: memoryview, error: ConflictError) -> None:
        """Another release of zstd makes other bytes of the same segment; a segment that differs is never replaced."""
        stored = unpack(self.store.get(wal_key(self._spool.system, name)), len(data))
        if stored == data:
            return
        self._conflicts[name] = ""
        segment = parse_segment(name, self._spool.segment_size)
        why = f"store {self.store.name} has another {name}, which was kept: {error.message}"
        lost = Gap(
            timeline=segment.timeline,
            from_lsn=str(segment.start),
            to_lsn=str(segment.end),
            noticed=time.time(),
            why=why,
        )
        note(self._spool.path, self.store.name, lost)
        want_full(self._spool.path, str(segment.end), why)
        self._progress(f"{why}; ours is in {self._spool.keep_aside(name)}; do two clusters write there?")

    def _reject(self, name: str, error: NotWalError) -> None:
        self._report(f"the spool is damaged: {error}; the segment is received again")
        self._spool.reject(name)
        self._request_again(name)

    def _request_again(self, name: str) -> None:
        self._progress(f"{name} is looked for in the stores and received again if it is in none")
        self._pipeline.request_again()

    def _ship_partials(self) -> None:
        while not self._stop.wait(self._how.tail_seconds):
            self._ship_partial()
        self._ship_partial()

    def _ship_partial(self) -> None:
        """The tail of the unfinished segment, and notes of gaps."""
        try:
            self._claim()
            if self._partial.ship(self._pipeline.unfinished, lambda: self._pipeline.queue.unsettled(self.store.name)):
                self._took()
            for gap in ship_notes(self._spool.path, self.store, self._spool.system):
                self.gaps += 1
                self._progress(f"Recorded in {self.store.name}: no WAL from {gap.from_lsn} to {gap.to_lsn}")
            self.tail_error = ""
        except (PodsError, OSError) as error:
            if not self.tail_error:
                self._progress(f"the tail of the WAL is not in store {self.store.name}: {error}")
            self.tail_error = str(error)
