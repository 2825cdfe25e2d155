"""The archiver: one receiver, a shipper for each store, the slots of the standbys, and the state they are in."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backup.store import Store
from backup.wal.gaps import full_wanted
from backup.wal.identity import ArchiveIdentity, remember
from backup.wal.receiver import Receiver, Room, WalSource
from backup.wal.ship_queue import ShipQueue
from backup.wal.shipper import Shipper, Shipping
from backup.wal.slots import hold_on_standby
from backup.wal.spool import Spool
from cluster.archive_status import ArchiveState, StoreState, write_state
from cluster.errors import PodsError
from cluster.postgres.lsn import bytes_behind
from cluster.units import human_size

_REPORT_SECONDS = 1.0
_SLOTS_SECONDS = 15.0
_MEASURE_SECONDS = 0.2
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiverOptions:
    """Where the spool and the state file are, and how much may be in the spool (bytes) before nothing more is read."""

    spool: Path
    state: Path
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
        """Seconds since the oldest WAL was received that is not within ``archived``; 0 when there is none."""
        if archived is None:
            return 0.0
        since = next((time for position, time in self._reached if position > archived), None)
        return 0.0 if since is None else self._clock() - since

    def forget(self, archived: int) -> None:
        """Nobody lacks anything before this."""
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
        self._source, self._options, self._progress = source, options, progress
        self._spool = Spool(options.spool, identity.system_identifier, identity.wal_segment_size)
        remember(options.spool, identity)
        self._backlog = ShipQueue([store.name for store in stores])
        self._backlog.add(self._spool.to_ship())
        room = Room(spool=self._spool, whole=self._whole, full=self._full, flush_seconds=options.flush_seconds)
        self.receiver = Receiver(source, room, stores, progress)
        self.shippers = [
            Shipper(store, self._spool, self._backlog, self, options.shipping, progress) for store in stores
        ]
        self._lags = {store.name: ShippingLag() for store in stores}
        self._bytes, self._measured = self._spool.size(), time.monotonic()
        self._warned = False
        self._slot_errors: dict[str, str] = {}
        self._stopped = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Archive until ``stop`` is set, then ship what there is and return.

        Raises:
            RuntimeError: a thread died, which is a bug; the next start repairs whatever it left.
        """
        threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("receive", self.receiver.run), ("slots", self._hold_slots))
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

    def position(self) -> tuple[str, int] | None:
        """See `shipper.Front`."""
        stream = self.receiver.stream
        return stream.front if stream else None

    def lacking(self, segment: str) -> None:
        """See `shipper.Front`."""
        self._progress(f"{segment} is looked for in the stores and received again if it is in none")
        self.receiver.again.set()

    def answers(self, store: str) -> None:
        """See `shipper.Front`."""
        if store in self.receiver.unread_stores:
            self.receiver.again.set()

    def _whole(self, name: str) -> None:
        self._backlog.add([name])

    def _full(self) -> bool:
        """Measured a few times a second: what comes in between is small beside any limit."""
        now = time.monotonic()
        if now - self._measured > _MEASURE_SECONDS:
            self._bytes, self._measured = self._spool.size(), now
        return self._bytes >= self._options.spool_limit

    def _hold_slots(self) -> None:
        while not self._stopped.wait(_SLOTS_SECONDS if self.receiver.streaming else 1.0):
            stream = self.receiver.stream
            if stream is None or not self.receiver.streaming:
                continue
            for node, access in dict(self._source.nodes).items():
                if node != self.receiver.node and not self._stopped.is_set():
                    try:
                        hold_on_standby(access, node, self._source.slot, stream.timeline, stream.durable)
                        self._slot_errors.pop(node, None)
                    except (PodsError, OSError) as error:
                        self._slot_trouble(node, str(error))

    def _slot_trouble(self, node: str, error: str) -> None:
        if node not in self._slot_errors:
            self._progress(f"the archive's slot on {node} is not kept up: {error}")
        self._slot_errors[node] = error

    def state(self) -> ArchiveState:
        """What it is doing now."""
        stream, spool = self.receiver.stream, self._spool
        received = stream.written if stream else None
        if received is not None:
            for lag in self._lags.values():
                lag.reach(received)
        return ArchiveState(
            updated=time.time(),
            system_identifier=spool.system,
            segment_size=spool.segment_size,
            node=self.receiver.node,
            streaming=self.receiver.streaming,
            timeline=stream.timeline if stream else 0,
            received=str(received or ""),
            flushed=str(stream.durable if stream else ""),
            spool_bytes=spool.size(),
            spool_limit=self._options.spool_limit,
            gaps=max((shipper.gaps for shipper in self.shippers), default=0),
            full_wanted=full_wanted(spool.path),
            error=self.receiver.error,
            slot_errors=tuple(sorted(self._slot_errors.items())),
            stores=tuple(self._store_state(shipper) for shipper in self.shippers),
        )

    def _store_state(self, shipper: Shipper) -> StoreState:
        name, archived = shipper.store.name, shipper.archived()
        stream = self.receiver.stream
        if archived is not None:
            self._lags[name].forget(archived)
        return StoreState(
            name=name,
            archived=str(archived or ""),
            shipped_at=shipper.shipped_at,
            behind=bytes_behind(stream.written if stream else None, archived),
            lag=self._lags[name].of(archived),
            waiting=len(self._backlog.left(name)),
            segments=shipper.segments,
            conflicts=shipper.conflicts,
            error=shipper.error or shipper.tail_error,
        )

    def _report(self) -> None:
        state = self.state()
        self._warn(state.spool_bytes)
        try:
            write_state(self._options.state, state)
        except OSError as error:
            self._progress(f"{self._options.state} cannot be written: {error}")

    def _warn(self, size: int) -> None:
        """Say it once when the spool is half full, and once when it no longer is."""
        half = size * 2 >= self._options.spool_limit
        if half != self._warned:
            sizes = f"{human_size(size)} of {human_size(self._options.spool_limit)}"
            self._progress(f"The spool {'fills' if half else 'has room again'}: {sizes}")
        self._warned = half
