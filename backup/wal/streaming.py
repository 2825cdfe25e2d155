"""One stretch of streaming: from a place on a timeline until the timeline ends, the node changes, or we stop.

Flush is reported for what is durable in the spool, and that releases WAL on the primary: the spool is as durable as the
primary's own disk. docs/explanation/wal-archive.md says why the stores are not waited for.
"""

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from backup.layout import Segment
from backup.timelines import WalPosition
from backup.wal.segment_sync import SegmentSyncer
from backup.wal.slots import status
from backup.wal.spool import Spool, Unfinished
from cluster.postgres.failures import LostError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import Replication

_DATA = struct.Struct("!cQQq")
_KEEPALIVE = struct.Struct("!cQqB")
_STATUS_SECONDS = 1.0
_SILENCE_SECONDS = 30.0
"""After so long without a message the server is asked for one; after three times that the connection counts as lost."""
_SYNC_BYTES = 64 << 20
_PAUSE_SECONDS = 0.05
_LITTLE_BYTES = 64 << 10
"""A server sends every commit by itself. To be woken by each costs it transactions, so while little comes we look from
time to time; sockets hold more than this, so that a server with much to send shows as such after one pause."""
_CHECK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WalSink:
    """Where a stream goes, and what it asks on the way."""

    spool: Spool
    whole: Callable[[str], None]
    """Told the name of each file that is complete."""
    full: Callable[[], bool]
    """Whether the spool has no room: nothing is read then, and the slot holds what is not read."""
    go_on: Callable[[], bool]
    """Asked about every second: false ends the stream."""
    flush_seconds: float = 1.0
    """What was received is durable, and reported so, at most this later; until then the primary has it.

    More often costs the primary: a sync of a growing file holds up every other sync of the same file system.
    """


class Stream:
    """Streaming over one connection; `written` and `durable` may be read from any thread."""

    def __init__(self, server: Replication, sink: WalSink, position: WalPosition) -> None:
        self.timeline = position.timeline
        self._server, self._sink = server, sink
        self._spool = sink.spool
        segment = Segment(timeline=position.timeline, start=position.lsn, size=sink.spool.segment_size)
        self.unfinished = Unfinished(sink.spool, segment)
        self._finishing = SegmentSyncer(sink.whole)
        now = time.monotonic()
        self._heard = self._told = self._looked = self._synced = now
        self._reply_requested = False
        self._paused = self.written

    @property
    def written(self) -> Lsn:
        """Position after the last byte received."""
        unfinished = self.unfinished
        return Lsn(unfinished.segment.start + unfinished.written)

    @property
    def durable(self) -> Lsn:
        """Position before which everything is durable."""
        unfinished, first = self.unfinished, self._finishing.first
        return first[1] if first else Lsn(unfinished.segment.start + unfinished.durable)

    @property
    def front(self) -> tuple[str, int] | None:
        """The first segment that is not whole in the spool, and how many bytes of it may be read there.

        None where it will never be whole.
        """
        unfinished, first = self.unfinished, self._finishing.first
        if first:
            return first[0], 0
        return None if unfinished.gone else (str(unfinished.segment), unfinished.durable)

    def run(self, slot: str) -> WalPosition | None:
        """Stream, through ``slot`` ("": none). The place at which the next timeline begins; None: ``go_on`` ended it.

        Raises:
            ServerError: the server refuses, or has the WAL no more (see `receiver`).
            LostError: the connection broke.
        """
        try:
            through = f"SLOT {slot} " if slot else ""
            start = self.unfinished.segment.start
            self._server.send(f"START_REPLICATION {through}PHYSICAL {start} TIMELINE {self.timeline}")
            answer = self._server.answer()
            if answer is not None and answer.kind == "rows":
                return self._end_of_timeline(answer.rows)
            return self._copy()
        finally:
            self._finishing.close()
            self.unfinished.abandon()

    def _copy(self) -> WalPosition | None:
        while self._goes_on():
            self._report_in_time()
            if self._sink.full():
                self._sync()
                time.sleep(0.1)
                continue
            message = self._next()
            if message is None:
                self._check_silence()
            elif not message:
                return self._end_of_copy()
            else:
                self._take(message)
            self._sync_in_time()
        self._sync()
        self._send_status()
        return None

    def _goes_on(self) -> bool:
        return not self._is_time("_looked", _CHECK_SECONDS) or self._sink.go_on()

    def _next(self) -> bytes | memoryview | None:
        """The next message. Once all that came is taken, more of it may come first, unless much comes."""
        message = self._server.receive(0)
        if message is not None:
            return message
        if self.written - self._paused < _LITTLE_BYTES:
            time.sleep(_PAUSE_SECONDS)
        self._paused = self.written
        return self._server.receive(self._patience())

    def _patience(self) -> float:
        return self._sink.flush_seconds if self._unsynced() else _STATUS_SECONDS

    def _take(self, message: bytes | memoryview) -> None:
        self._heard, self._reply_requested = time.monotonic(), False
        kind = bytes(message[:1])
        if kind == b"w":
            _, start, _, _ = _DATA.unpack_from(message)
            self._write(start, memoryview(message)[_DATA.size :])
        elif kind == b"k" and _KEEPALIVE.unpack_from(message)[3]:
            # A server that shuts down waits for this: it must hear that all is durable.
            self._sync()
            self._send_status()

    def _write(self, start: int, data: memoryview) -> None:
        if start != self.written:
            raise LostError(f"{self._server.node} sent WAL from {Lsn(start)} where {self.written} was due")
        if not self._unsynced():
            self._synced = time.monotonic()
        while data:
            room = self.unfinished.room
            self.unfinished.write(data[:room])
            data = data[room:]
            if not self.unfinished.room:
                self._next_segment()

    def _next_segment(self) -> None:
        done = self.unfinished
        self.unfinished = Unfinished(self._spool, done.segment.next)
        self._finishing.add(done)

    def _unsynced(self) -> int:
        return self.unfinished.written - self.unfinished.durable

    def _sync_in_time(self) -> None:
        late = self._unsynced() and time.monotonic() - self._synced >= self._sink.flush_seconds
        if late or self._unsynced() >= _SYNC_BYTES:
            self._sync()
            self._send_status()

    def _sync(self) -> None:
        self._finishing.wait()
        self.unfinished.sync()
        self._synced = time.monotonic()

    def _report_in_time(self) -> None:
        if self._is_time("_told", _STATUS_SECONDS):
            self._finishing.collect()
            self._send_status()

    def _send_status(self, *, reply_requested: bool = False) -> None:
        self._server.transmit(status(self.written, self.durable, reply_requested=reply_requested))
        self._told = time.monotonic()

    def _check_silence(self) -> None:
        silent = time.monotonic() - self._heard
        if silent > 3 * _SILENCE_SECONDS:
            raise LostError(f"{self._server.node} has been silent for {silent:.0f} s")
        if silent > _SILENCE_SECONDS and not self._reply_requested:
            self._reply_requested = True
            self._send_status(reply_requested=True)

    def _is_time(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now - getattr(self, what) < seconds:
            return False
        setattr(self, what, now)
        return True

    def _end_of_copy(self) -> WalPosition:
        """The server ended: its timeline did, or an error comes with the next answer."""
        self._sync()
        answer = self._server.answer()
        if answer is not None and answer.kind in ("copy in", "copy both"):
            self._server.end_copy()
            answer = self._server.answer()
        if answer is None or not answer.rows:
            raise LostError(f"{self._server.node} ended the stream")
        return self._end_of_timeline(answer.rows)

    def _end_of_timeline(self, rows: tuple[tuple[str | None, ...], ...]) -> WalPosition:
        while self._server.answer() is not None:
            pass
        ((timeline, position, *_),) = rows
        assert timeline
        assert position
        closed = self.unfinished.close_short()
        if closed is not None:
            self._sink.whole(closed)
        return WalPosition(int(timeline), Lsn.parse(position))
