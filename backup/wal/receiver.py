"""The receiver: streams WAL from the primary, whichever node that is, from where the archive ends, and retries."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backup.layout import segment_start
from backup.store import Store
from backup.timelines import Lineage, WalPosition, lineage_of, next_position, timeline_at
from backup.wal.backfill import REMOVED, BackfillSource, MissingWal, backfill
from backup.wal.gaps import Gap, note, want_full
from backup.wal.pipeline import Pipeline, ReceiverStatus
from backup.wal.resume import first_missing
from backup.wal.slots import ensure_slot, is_invalidated, remake_slot
from backup.wal.spool import PARTIAL
from backup.wal.streaming import Stream
from cluster.errors import PodsError, RefusedError
from cluster.log_filter import LogFilter
from cluster.naming import ARCHIVE_SLOT
from cluster.postgres.connection import Access
from cluster.postgres.failures import ServerError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import Replication, replicate
from cluster.waiting import Backoff

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WalSource:
    """Where WAL comes from: the nodes by name, the name of the primary now, and the slot."""

    nodes: Mapping[str, Access]
    primary: Callable[[], str]
    slot: str = ARCHIVE_SLOT


class Receiver:
    """Runs in a thread of its own; its status and position are published in the pipeline."""

    def __init__(
        self, source: WalSource, pipeline: Pipeline, stores: Sequence[Store], progress: Callable[[str], None]
    ) -> None:
        self._source, self._pipeline, self._stores, self._progress = source, pipeline, stores, progress
        self._spool = pipeline.spool
        self._have: dict[str, dict[int, Lsn]] | None = None
        self._goal = WalPosition(0, Lsn(0))
        self._lineage: Lineage = ()
        self._stop = threading.Event()
        self._status = ReceiverStatus()
        self._complain = LogFilter(progress)

    def stop(self) -> None:
        """End `run` soon, with everything received durable."""
        self._stop.set()

    def run(self) -> None:
        """Receive until `stop`; an error is reported once, published in the status, and receiving tried again."""
        retry = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._receive()
                self._publish(streaming=False, error="")
            except (PodsError, OSError, ValueError) as error:
                if self._status.streaming and time.monotonic() - began > _LONGEST_PAUSE:
                    self._complain.reset()  # it went well in between
                self._report(str(error))
            if time.monotonic() - began > _LONGEST_PAUSE:
                retry.reset()
            self._stop.wait(retry.pause() if self._status.error else 0)

    def _publish(self, *, streaming: bool, error: str, node: str | None = None) -> None:
        self._status = ReceiverStatus(
            node=self._status.node if node is None else node, streaming=streaming, error=error
        )
        self._pipeline.set_status(self._status)

    def _goes_on(self) -> bool:
        requested = self._pipeline.is_requested()
        return not self._stop.is_set() and not requested and self._source.primary() == self._status.node

    def _report(self, error: str) -> None:
        self._complain(f"WAL is not being received: {error}")
        self._publish(streaming=False, error=error)

    def _receive(self) -> None:
        """Stream over one connection, through every timeline that follows."""
        node = self._source.primary()
        if node not in self._source.nodes:
            raise RefusedError(f"the primary, {node}, is not among the nodes", "look at the topology")
        with replicate(self._source.nodes[node], node=node) as server:
            self._publish(streaming=False, error=self._status.error, node=node)
            self._lineage = ()
            self._identify(server)
            position: WalPosition | None = self._start_position(ensure_slot(server, self._source.slot))
            while position is not None and not self._stop.is_set():
                position = self._follow(server, position)

    def _identify(self, server: Replication) -> None:
        """Read the lineage of the server's timeline.

        Raises:
            RefusedError: it is another cluster's, or on an older timeline than the archive.
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
        for span in lineage[1:-1]:
            try:
                self._history(server, span.timeline)
            except ServerError:  # a clone has only the history of its own timeline
                continue
        if not self._lineage or timeline > self._lineage[-1].timeline:
            self._lineage = lineage

    def _history(self, server: Replication, timeline: int) -> str:
        ((_, text),) = server.command(f"TIMELINE_HISTORY {timeline}")
        assert text is not None
        self._spool.keep_history(timeline, text.encode())
        self._pipeline.complete(f"{timeline:08X}.history")
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
        requested = self._pipeline.take_request()
        if self._have is None or requested:
            self._have = self._read_stores()
            self._forget_older_partials()
        own = {current.timeline: current.start} if current else {}
        return {**self._have, **({"": own} if own else {})}

    def _read_stores(self) -> dict[str, dict[int, Lsn]]:
        """What each store lacks. One that does not answer is read when it does, and what it lacks received again."""
        found: dict[str, dict[int, Lsn]] = {}
        unread: set[str] = set()
        for store in self._stores:
            try:
                found[store.name] = first_missing(store, self._spool)
            except PodsError:  # its shipper reports the error
                unread.add(store.name)
                self._pipeline.set_unread(unread)  # at once: it may be back before the others are read
        self._pipeline.set_unread(unread)
        return found

    def _forget_older_partials(self) -> None:
        current = self._spool.current()
        for name in self._spool.names():
            if name.endswith(PARTIAL) and name != f"{current}{PARTIAL}":
                self._spool.remove(name)

    def _follow(self, server: Replication, position: WalPosition) -> WalPosition | None:
        """Stream from ``position``; where to resume on this connection, None where a new one is needed."""
        stream = Stream(server, self._pipeline, position, self._goes_on)
        self._progress(stream.description)
        self._publish(streaming=True, error="")
        try:
            following = stream.run(self._source.slot)
        except ServerError as error:
            return self._refused(server, stream, position, error)
        finally:
            # What the stores lacked at the start was received again once we are past all that there was.
            reached = self._pipeline.position()  # of this stream, or of the backfill after it
            if reached is not None and WalPosition(reached.timeline, reached.written) >= self._goal:
                self._have = {}
        if following is None:
            return None
        self._keep_histories(server, following.timeline)
        return WalPosition(following.timeline, segment_start(following.lsn, self._spool.segment_size))

    def _refused(
        self, server: Replication, stream: Stream, position: WalPosition, error: ServerError
    ) -> WalPosition | None:
        if is_invalidated(error):
            self._progress(f"{error}: slot {self._source.slot} of {server.node} is made anew")
            remake_slot(server, self._source.slot)
            return position
        if error.sqlstate != REMOVED:
            raise error
        return self._seek(server, WalPosition(stream.timeline, stream.unfinished.segment.start), error)

    def _seek(self, server: Replication, missing: WalPosition, error: ServerError) -> WalPosition | None:
        """The primary has no WAL at ``missing`` any more: get it from other nodes, or resume where there is some."""
        resumed = segment_start(ensure_slot(server, self._source.slot), self._spool.segment_size)
        if resumed <= missing.lsn:
            raise error
        self._progress(f"{server.node} has no WAL from {missing.lsn} on any more: the other nodes are asked")
        wanted = MissingWal(lineage=self._lineage, start=missing, end=resumed)
        source = BackfillSource(
            nodes=self._others(), slot=self._source.slot, go_on=self._goes_on, progress=self._progress
        )
        found = backfill(wanted, source, self._pipeline)
        if found.resume is not None:
            self._keep_histories(server, found.resume.timeline)
            return found.resume
        if not self._goes_on():
            return None
        return self._skip(missing, min([resumed, *found.later]), "; ".join((error.message, *found.refusals)))

    def _others(self) -> dict[str, Access]:
        return {name: access for name, access in self._source.nodes.items() if name != self._status.node}

    def _skip(self, missing: WalPosition, resumed: Lsn, why: str) -> WalPosition:
        """No node has this WAL: record the gap, request a full backup, resume where there is some."""
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
