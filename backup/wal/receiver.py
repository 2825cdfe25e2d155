"""The receiver: follows the primary, whichever node that is, from where the archive ends, and never gives up."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backup.layout import segment_start
from backup.store import Store
from backup.timelines import Lineage, WalPosition, lineage_of, next_position, timeline_at
from backup.wal.backfill import REMOVED, MissingWal, backfill
from backup.wal.gaps import Gap, note, want_full
from backup.wal.resume import first_missing
from backup.wal.slots import ensure_slot, is_invalidated, remake_slot
from backup.wal.spool import PARTIAL, Spool
from backup.wal.streaming import Stream, WalSink
from cluster.errors import PodsError, RefusedError
from cluster.naming import ARCHIVE_SLOT
from cluster.postgres.connection import Access
from cluster.postgres.failures import ServerError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import Replication, replicate

_SLOWEST = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WalSource:
    """Where WAL comes from: the nodes by name, who leads them now, and the slot."""

    nodes: Mapping[str, Access]
    primary: Callable[[], str]
    slot: str = ARCHIVE_SLOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The spool, and what the receiver tells and asks of those who ship from it."""

    spool: Spool
    whole: Callable[[str], None]
    """Told the name of each file that is complete."""
    full: Callable[[], bool]
    """Whether the spool has no room."""
    flush_seconds: float = 1.0


class Receiver:
    """Runs in a thread of its own; its attributes may be read from any."""

    def __init__(self, source: WalSource, room: Room, stores: Sequence[Store], progress: Callable[[str], None]) -> None:
        self._source, self._stores, self._progress = source, stores, progress
        self._spool = room.spool
        self._sink = WalSink(
            spool=room.spool, whole=room.whole, full=room.full, go_on=self._goes_on, flush_seconds=room.flush_seconds
        )
        self._have: dict[str, dict[int, Lsn]] | None = None
        self._goal = WalPosition(0, Lsn(0))
        self._lineage: Lineage = ()
        self._stop = threading.Event()
        self.again = threading.Event()
        """Set to make it look anew for what the archive lacks."""
        self.stream: Stream | None = None
        """The present one, or the last."""
        self.streaming = False
        self.node = self.error = ""
        self.unread_stores: set[str] = set()
        """Stores that did not say what they have."""

    def stop(self) -> None:
        """End `run` soon, with everything received durable."""
        self._stop.set()

    def run(self) -> None:
        """Receive until `stop`; trouble is told once, kept in ``error``, and tried again."""
        pause = 0.25
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._receive()
                self.error = ""
            except (PodsError, OSError, ValueError) as error:
                self._report(str(error))
            self.streaming = False
            pause = 0.25 if time.monotonic() - began > _SLOWEST else min(_SLOWEST, pause * 2)
            self._stop.wait(pause if self.error else 0)

    def _goes_on(self) -> bool:
        return not self._stop.is_set() and not self.again.is_set() and self._source.primary() == self.node

    def _report(self, error: str) -> None:
        if error != self.error:
            self._progress(f"WAL is not being received: {error}")
        self.error = error

    def _receive(self) -> None:
        """One connection, over as many timelines as come."""
        node = self._source.primary()
        if node not in self._source.nodes:
            raise RefusedError(f"the primary, {node}, is not among the nodes", "look at the topology")
        with replicate(self._source.nodes[node], node=node) as server:
            self.node = node
            self._lineage = ()
            self._identify(server)
            position: WalPosition | None = self._start_position(ensure_slot(server, self._source.slot))
            while position is not None and not self._stop.is_set():
                position = self._follow(server, position)

    def _identify(self, server: Replication) -> None:
        """Learn the lineage of the server's timeline.

        Raises:
            RefusedError: it is another cluster's, or has been left behind.
        """
        identity = server.identify()
        if identity.system_identifier != self._spool.system:
            message = f"{server.node} is of cluster {identity.system_identifier}, this archive of {self._spool.system}"
            raise RefusedError(message, "give another cluster a spool of its own")
        known = self._positions()
        newest = max(known.get("") or [timeline for one in known.values() for timeline in one] or [0])
        if newest > identity.timeline:
            message = f"{server.node} is on timeline {identity.timeline}, the archive on {newest} already"
            raise RefusedError(message, "a stale node must not lead; see inv status")
        self._keep_histories(server, identity.timeline)

    def _keep_histories(self, server: Replication, timeline: int) -> None:
        """Keep the history of a timeline and of its ancestors, and the lineage if it is the newest."""
        text = self._history(server, timeline) if timeline > 1 else ""
        lineage = lineage_of(text, timeline)
        for stretch in lineage[1:-1]:
            try:
                self._history(server, stretch.timeline)
            except ServerError:  # a clone has only the history of its own timeline
                continue
        if not self._lineage or timeline > self._lineage[-1].timeline:
            self._lineage = lineage

    def _history(self, server: Replication, timeline: int) -> str:
        ((_, text),) = server.command(f"TIMELINE_HISTORY {timeline}")
        assert text is not None
        self._spool.keep_history(timeline, text.encode())
        self._sink.whole(f"{timeline:08X}.history")
        return text

    def _start_position(self, held: Lsn) -> WalPosition:
        """Where to begin on this connection; on an empty archive where the slot begins to hold WAL."""
        size = self._spool.segment_size
        start = segment_start(held, size)
        position = next_position(self._lineage, self._lacking(), size)
        if position is None:  # of this lineage the spool has nothing: a restored cluster went back to an older timeline
            self._have = None
            position = next_position(self._lineage, self._lacking(), size)
        return position or WalPosition(timeline_at(self._lineage, start), start)

    def _lacking(self) -> dict[int, Lsn]:
        """For each timeline the first position that some store or the spool lacks."""
        have: dict[int, Lsn] = {}
        for one in self._positions().values():
            for timeline, lsn in one.items():
                have[timeline] = min(lsn, have.get(timeline, lsn))
                self._goal = max(self._goal, WalPosition(timeline, lsn))
        return have

    def _positions(self) -> dict[str, dict[int, Lsn]]:
        """For each store what it lacks; "" stands for the spool."""
        current = self._spool.current()
        if self._have is None or self.again.is_set():
            self.again.clear()
            self._have = self._read_stores()
            self._forget_older_partials()
        own = {current.timeline: current.start} if current else {}
        return {**self._have, **({"": own} if own else {})}

    def _read_stores(self) -> dict[str, dict[int, Lsn]]:
        """One that cannot be asked is asked when it is back; what it lacks is received again then."""
        found: dict[str, dict[int, Lsn]] = {}
        self.unread_stores = set()
        for store in self._stores:
            try:
                found[store.name] = first_missing(store, self._spool)
            except PodsError:  # told by its shipper
                self.unread_stores.add(store.name)
        return found

    def _forget_older_partials(self) -> None:
        current = self._spool.current()
        for name in self._spool.names():
            if name.endswith(PARTIAL) and name != f"{current}{PARTIAL}":
                self._spool.remove(name)

    def _follow(self, server: Replication, position: WalPosition) -> WalPosition | None:
        """Stream from ``place``; where to go on on this connection, None where a new one is wanted."""
        self.stream = Stream(server, self._sink, position)
        self._progress(f"Receiving WAL from {server.node}, timeline {position.timeline}, from {position.lsn}")
        self.error, self.streaming = "", True
        try:
            following = self.stream.run(self._source.slot)
        except ServerError as error:
            return self._refused(server, position, error)
        finally:
            # What the stores lacked at the start has been asked for again once we are past all that there was.
            if WalPosition(self.stream.timeline, self.stream.written) >= self._goal:
                self._have = {}
        if following is None:
            return None
        self._keep_histories(server, following.timeline)
        return WalPosition(following.timeline, segment_start(following.lsn, self._spool.segment_size))

    def _refused(self, server: Replication, position: WalPosition, error: ServerError) -> WalPosition | None:
        if is_invalidated(error):
            self._progress(f"{error}: slot {self._source.slot} of {server.node} is made anew")
            remake_slot(server, self._source.slot)
            return position
        if error.sqlstate != REMOVED or self.stream is None:
            raise error
        return self._seek(server, WalPosition(self.stream.timeline, self.stream.unfinished.segment.start), error)

    def _seek(self, server: Replication, missing: WalPosition, error: ServerError) -> WalPosition | None:
        """The primary has no WAL at ``missing`` any more: ask the other nodes for it, or go on where there is some."""
        resumed = segment_start(ensure_slot(server, self._source.slot), self._spool.segment_size)
        if resumed <= missing.lsn:
            raise error
        self._progress(f"{server.node} has no WAL from {missing.lsn} on any more: the other nodes are asked")
        wanted = MissingWal(lineage=self._lineage, start=missing, end=resumed)
        found = backfill(wanted, self._others(), self._source.slot, self._sink, self._show)
        if found.resume is not None:
            self._keep_histories(server, found.resume.timeline)
            return found.resume
        if not self._goes_on():
            return None
        return self._skip(missing, min([resumed, *found.later]), "; ".join((error.message, *found.refusals)))

    def _others(self) -> dict[str, Access]:
        return {name: access for name, access in self._source.nodes.items() if name != self.node}

    def _show(self, stream: Stream, node: str) -> None:
        self._progress(f"Receiving WAL from {node}, timeline {stream.timeline}, from {stream.written}")
        self.stream = stream

    def _skip(self, missing: WalPosition, resumed: Lsn, why: str) -> WalPosition:
        """No node has this WAL: record it, ask for a full backup, go on where there is some."""
        for store in self._stores:
            lacking = (self._have or {}).get(store.name, {}).get(missing.timeline, missing.lsn)
            if (first := max(missing.lsn, lacking)) < resumed:
                named = {"from_lsn": str(first), "to_lsn": str(resumed), "why": why}
                note(self._spool.path, store.name, Gap(timeline=missing.timeline, noticed=time.time(), **named))
        message = f"WAL from {missing.lsn} to {resumed} of timeline {missing.timeline} is lost: {why}"
        want_full(self._spool.path, str(resumed), message)
        self._progress(f"{message}; a full backup is wanted")
        self._have = {}
        return WalPosition(timeline_at(self._lineage, resumed), resumed)
