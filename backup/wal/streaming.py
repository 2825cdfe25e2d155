"""One stream of WAL: from a position on a timeline until the timeline ends, the node changes, or we stop.

Flush is reported for what is durable in the spool, and that releases WAL on the primary: the spool is as durable as the
primary's own disk. docs/explanation/wal-archive.md says why the stores are not waited for.
"""

import struct
import time
from collections.abc import Callable

from backup.layout import Segment
from backup.timelines import WalPosition
from backup.wal.pipeline import Pipeline, StreamPosition
from backup.wal.segment_sync import SegmentSyncer
from backup.wal.slots import status
from backup.wal.spool import Unfinished
from cluster.postgres.failures import LostError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import Replication
from cluster.waiting import Every

_DATA = struct.Struct("!cQQq")
_KEEPALIVE = struct.Struct("!cQqB")
_STATUS_SECONDS = 1.0
_SILENCE_SECONDS = 30.0
"""After so long without a message a reply is requested; after three times that the connection counts as lost."""
_SYNC_BYTES = 64 << 20
_PAUSE_SECONDS = 0.05
_LITTLE_BYTES = 64 << 10
"""A server sends every commit by itself. To be woken by each costs it transactions, so while little comes we read from
time to time; sockets hold more than this, so that a server with much to send shows as such after one pause."""
_CHECK_SECONDS = 1.0


class Stream:
    """Streaming over one connection, in one thread; others read its position from the pipeline."""

    def __init__(
        self, server: Replication, pipeline: Pipeline, position: WalPosition, go_on: Callable[[], bool]
    ) -> None:
        """Begin nothing yet.

        Args:
            server: an idle connection.
            pipeline: where WAL goes.
            position: the first to receive, at the start of a segment.
            go_on: called about every second; false ends the stream.
        """
        self.timeline = position.timeline
        self._server, self._pipeline, self._go_on = server, pipeline, go_on
        segment = Segment(timeline=position.timeline, start=position.lsn, size=pipeline.spool.segment_size)
        self.unfinished = Unfinished(pipeline.spool, segment)
        self._syncer = SegmentSyncer(pipeline.complete)
        self._check, self._status = Every(_CHECK_SECONDS, at_once=False), Every(_STATUS_SECONDS, at_once=False)
        self._flush = Every(pipeline.flush_seconds, at_once=False)
        self._silence = Every(_SILENCE_SECONDS, at_once=False)
        self._reply_requested = False
        self._paused = self.written
        self._publish()

    @property
    def description(self) -> str:
        """What is received from where, for the log."""
        return f"Receiving WAL from {self._server.node}, timeline {self.timeline}, from {self.written}"

    @property
    def written(self) -> Lsn:
        """Position after the last byte received."""
        return Lsn(self.unfinished.segment.start + self.unfinished.written)

    @property
    def durable(self) -> Lsn:
        """Position before which everything is durable."""
        first = self._syncer.first
        return first[1] if first else Lsn(self.unfinished.segment.start + self.unfinished.durable)

    def run(self, slot: str) -> WalPosition | None:
        """Stream, through ``slot`` ("": none). Where the next timeline begins; None: ``go_on`` ended it.

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
            self._syncer.close()
            self.unfinished.abandon()
            self._publish()

    def _publish(self, *, readable: bool = True) -> None:
        first = self._syncer.first
        if first:
            self._advance((first[0], 0))
        elif self.unfinished.gone:
            self._advance(None)
        else:
            self._advance((str(self.unfinished.segment), self.unfinished.durable if readable else 0))

    def _advance(self, unfinished: tuple[str, int] | None) -> None:
        position = StreamPosition(
            timeline=self.timeline, written=self.written, durable=self.durable, unfinished=unfinished
        )
        self._pipeline.advance(position)

    def _copy(self) -> WalPosition | None:
        while not self._check.due() or self._go_on():
            self._report_in_time()
            if self._pipeline.is_full():
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

    def _next(self) -> bytes | memoryview | None:
        """The next message. When all are read, pause for more of them, unless much WAL comes."""
        message = self._server.receive(0)
        if message is not None:
            return message
        if self.written - self._paused < _LITTLE_BYTES:
            time.sleep(_PAUSE_SECONDS)
        self._paused = self.written
        return self._server.receive(self._timeout())

    def _timeout(self) -> float:
        return self._pipeline.flush_seconds if self._unsynced() else _STATUS_SECONDS

    def _take(self, message: bytes | memoryview) -> None:
        self._silence.restart()
        self._reply_requested = False
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
            self._flush.restart()
        while data:
            room = self.unfinished.room
            self.unfinished.write(data[:room])
            data = data[room:]
            if not self.unfinished.room:
                self._next_segment()

    def _next_segment(self) -> None:
        """Have the whole segment synced. From then on its file may be renamed at any moment, so nobody may read it."""
        done = self.unfinished
        self._publish(readable=False)
        self.unfinished = Unfinished(self._pipeline.spool, done.segment.next)
        self._syncer.add(done)
        self._publish()

    def _unsynced(self) -> int:
        return self.unfinished.written - self.unfinished.durable

    def _sync_in_time(self) -> None:
        late = self._unsynced() and self._flush.due()
        if late or self._unsynced() >= _SYNC_BYTES:
            self._sync()
            self._send_status()

    def _sync(self) -> None:
        self._syncer.wait()
        self.unfinished.sync()
        self._flush.restart()
        self._publish()

    def _report_in_time(self) -> None:
        if self._status.due():
            self._syncer.collect()
            self._publish()
            self._send_status()

    def _send_status(self, *, reply_requested: bool = False) -> None:
        self._server.transmit(status(self.written, self.durable, reply_requested=reply_requested))
        self._status.restart()

    def _check_silence(self) -> None:
        silent = self._silence.elapsed
        if silent > 3 * _SILENCE_SECONDS:
            raise LostError(f"{self._server.node} has been silent for {silent:.0f} s")
        if silent > _SILENCE_SECONDS and not self._reply_requested:
            self._reply_requested = True
            self._send_status(reply_requested=True)

    def _end_of_copy(self) -> WalPosition:
        """The server ended the COPY: its timeline ended, or an error follows with the next result."""
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
        self._advance(None)
        closed = self.unfinished.close_short()
        if closed is not None:
            self._pipeline.complete(closed)
        return WalPosition(int(timeline), Lsn.parse(position))
