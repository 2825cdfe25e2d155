"""The archiver: assembles the pipeline, its receiver, the shippers and the standbys' slots, and reports their state."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backup.store import Store
from backup.wal.gaps import full_wanted
from backup.wal.identity import ArchiveIdentity, remember
from backup.wal.pipeline import Pipeline
from backup.wal.receiver import Receiver, WalSource
from backup.wal.shipper import Shipper, Shipping
from backup.wal.slots import StandbySlots
from backup.wal.spool import Spool
from cluster.backup_status import ArchivedStore, ArchiveStatus
from cluster.postgres.lsn import Lsn, bytes_behind
from cluster.units import human_size

_REPORT_SECONDS = 1.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiverOptions:
    """Where the spool is, how much may be in it (bytes) before nothing more is read, and who gets the status."""

    spool: Path
    report: Callable[[ArchiveStatus], None]
    spool_limit: int = 10 << 30
    flush_seconds: float = 1.0
    shipping: Shipping = field(default_factory=Shipping)


class ShippingLag:
    """Seconds that a store is behind: it remembers when each position was received."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reached: deque[tuple[int, float]] = deque(maxlen=7 * 86400)

    def reach(self, position: int) -> None:
        """WAL is received up to ``position`` now."""
        if not self._reached or position > self._reached[-1][0]:
            self._reached.append((position, self._clock()))

    def of(self, archived: int | None) -> float:
        """Seconds since the oldest WAL beyond ``archived`` was received; 0 when there is none."""
        if archived is None:
            return 0.0
        since = next((time for position, time in self._reached if position > archived), None)
        return 0.0 if since is None else self._clock() - since

    def forget(self, archived: int) -> None:
        """The store has everything before ``archived``: drop what was remembered of it."""
        while self._reached and self._reached[0][0] <= archived:
            self._reached.popleft()


class Archiver:
    """Archives one cluster into all ``stores`` until it is stopped."""

    def __init__(
        self,
        identity: ArchiveIdentity,
        source: WalSource,
        stores: Sequence[Store],
        options: ArchiverOptions,
        progress: Callable[[str], None],
    ) -> None:
        self._options, self._progress = options, progress
        self._spool = Spool(options.spool, identity.system_identifier, identity.wal_segment_size)
        remember(options.spool, identity)
        names = [store.name for store in stores]
        self.pipeline = Pipeline(self._spool, names, options.spool_limit, options.flush_seconds)
        self.receiver = Receiver(source, self.pipeline, stores, progress)
        self.shippers = [Shipper(store, self.pipeline, options.shipping, progress) for store in stores]
        self._slots = StandbySlots(source.nodes, source.slot, self.pipeline, progress)
        self._lags = {name: ShippingLag() for name in names}
        self._warned = False
        self._streamed = time.time()
        self._stopped = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Archive until ``stop`` is set, then ship what is in the spool and return.

        Raises:
            RuntimeError: a thread died, which is a bug; the next start repairs whatever it left.
        """
        threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("receive", self.receiver.run), ("slots", lambda: self._slots.run(self._stopped)))
        ]
        for thread in threads:
            thread.start()
        for shipper in self.shippers:
            shipper.start()
        try:
            while not stop.wait(_REPORT_SECONDS):
                self._report()
                if not (all(thread.is_alive() for thread in threads) and all(one.alive for one in self.shippers)):
                    raise RuntimeError("a thread of the archiver died; its traceback is in the log")
        finally:
            self._end(threads)

    def _end(self, threads: Sequence[threading.Thread]) -> None:
        self._stopped.set()
        self.receiver.stop()
        for thread in threads:
            thread.join(_STOP_SECONDS)
        for shipper in self.shippers:
            shipper.stop()
        for shipper in self.shippers:
            shipper.join(_STOP_SECONDS)
        self._report()

    def state(self) -> ArchiveStatus:
        """The state that is reported now."""
        position, status, spool = self.pipeline.position(), self.pipeline.status(), self._spool
        written = position.written if position else None
        if status.streaming:
            self._streamed = time.time()
        return ArchiveStatus(
            updated=time.time(),
            system_identifier=spool.system,
            segment_size=spool.segment_size,
            node=status.node,
            streaming=status.streaming,
            streamed=self._streamed,
            timeline=position.timeline if position else 0,
            received=str(written or ""),
            flushed=str(position.durable if position else ""),
            spool_bytes=spool.size(),
            spool_limit=self._options.spool_limit,
            gaps=max((shipper.gaps for shipper in self.shippers), default=0),
            full_wanted=full_wanted(spool.path),
            error=status.error,
            slot_errors=self._slots.errors(),
            stores=tuple(self._store_state(shipper, written) for shipper in self.shippers),
        )

    def _store_state(self, shipper: Shipper, written: Lsn | None) -> ArchivedStore:
        name, archived, lag = shipper.store.name, shipper.archived(), self._lags[shipper.store.name]
        if written is not None:
            lag.reach(written)
        if archived is not None:
            lag.forget(archived)
        return ArchivedStore(
            name=name,
            archived=str(archived or ""),
            shipped_at=shipper.shipped_at,
            behind=bytes_behind(written, archived),
            lag=lag.of(archived),
            waiting=len(self.pipeline.queue.left(name)),
            segments=shipper.segments,
            conflicts=shipper.conflicts,
            error=shipper.error or shipper.tail_error,
        )

    def _report(self) -> None:
        state = self.state()
        self._warn(state.spool_bytes)
        try:
            self._options.report(state)
        except OSError as error:
            self._progress(f"the status cannot be written: {error}")

    def _warn(self, size: int) -> None:
        """Report once when the spool is half full, and once when it no longer is."""
        half = size * 2 >= self._options.spool_limit
        if half != self._warned:
            sizes = f"{human_size(size)} of {human_size(self._options.spool_limit)}"
            self._progress(f"The spool {'fills' if half else 'has room again'}: {sizes}")
        self._warned = half
