"""What a stream publishes while it receives: never more than is on disk, in the order that the shippers rely on."""

import os
import random
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup.timelines import WalPosition
from backup.wal.pipeline import Pipeline, StreamPosition
from backup.wal.segment_sync import SegmentSyncer
from backup.wal.spool import Unfinished
from backup.wal.streaming import Stream
from cluster.postgres.failures import LostError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import Reply
from tests.unit.backup.wal.wal_made import SIZE, name, segment, spool, wal

SEGMENTS = 6


class Sender:
    """A server that sends these bytes in messages of these sizes, then is gone; it keeps what is reported to it."""

    node = "a"

    def __init__(self, sizes: Iterator[int], ask: int = 0) -> None:
        self.data = b"".join(wal(segment(number)) for number in range(1, SEGMENTS + 1))
        self.sizes, self.ask, self.at = sizes, ask, 0
        self.reported: list[tuple[int, int]] = []
        self.checks: list[Pipeline] = []

    def send(self, sql: str) -> None:
        assert sql == f"START_REPLICATION SLOT s PHYSICAL {segment(1).start} TIMELINE 1"

    def answer(self) -> Reply:
        return Reply(kind="copy both")

    def receive(self, _timeout: float) -> bytes:
        if self.at == len(self.data):
            raise LostError("it is gone")
        if self.ask and random.Random(self.at).random() < 0.1:
            self.ask -= 1
            return struct.pack("!cQqB", b"k", 0, 0, 1)
        begin, self.at = self.at, min(len(self.data), self.at + next(self.sizes))
        start = segment(1).start + begin
        return struct.pack("!cQQq", b"w", start, start, 0) + self.data[begin : self.at]

    def transmit(self, message: bytes) -> None:
        _, written, durable, *_ = struct.unpack("!cQQQqB", message)
        self.reported.append((written, durable))
        for pipeline in self.checks:
            _check_named(pipeline, Lsn(durable))


class Checked(Pipeline):
    """Checks what is published against what is on disk and in the queue at that moment."""

    def __init__(self, where: Path) -> None:
        super().__init__(spool(where), ["disk"], 1 << 40, flush_seconds=0.01)
        self.seen: list[StreamPosition] = []

    def advance(self, position: StreamPosition) -> None:
        assert position.durable <= position.written
        _check_named(self, position.durable)
        if position.unfinished is not None:
            file, readable = position.unfinished
            first = self.spool.segment(file)
            assert set(self.queue.left("disk")) >= {name(number) for number in range(1, first.start // SIZE)}
            assert not readable or (self.spool.path / f"{file}.partial").stat().st_size >= readable
            assert position.durable == first.start + readable or not readable
        self.seen.append(position)
        super().advance(position)


def _check_named(pipeline: Pipeline, durable: Lsn) -> None:
    """Every segment that ends at or before a durable position has its name."""
    assert set(pipeline.spool.to_ship()) >= {name(number) for number in range(1, durable // SIZE)}


_real_add = SegmentSyncer.add


def _add(pipeline: Pipeline, syncer: SegmentSyncer, given: Unfinished) -> None:
    """From here on its file may be renamed at any moment: no shipper may read it."""
    unfinished = pipeline.unfinished()
    assert unfinished is not None
    assert unfinished[0] < str(given.segment) or unfinished == (str(given.segment), 0)
    _real_add(syncer, given)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncs that take a while, each another one."""
    real, chance = os.fdatasync, random.Random(3)

    def sync(fd: int) -> None:
        time.sleep(chance.random() / 100)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", sync)


@pytest.mark.usefixtures("slow_disk")
@pytest.mark.parametrize("most", [9000, 300_000, 2_500_000])
def test_what_is_published_and_reported_is_on_disk_and_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    chance = random.Random(most)
    sender = Sender(iter(lambda: chance.randint(1, most), 0), ask=3)
    pipeline = Checked(tmp_path)
    sender.checks.append(pipeline)
    monkeypatch.setattr(SegmentSyncer, "add", lambda syncer, given: _add(pipeline, syncer, given))
    stream = Stream(sender, pipeline, WalPosition(1, segment(1).start), lambda: True)  # type: ignore[arg-type]
    with pytest.raises(LostError):
        stream.run("s")
    assert pipeline.queue.left("disk") == pipeline.spool.to_ship() == [name(n) for n in range(1, SEGMENTS + 1)]
    last = pipeline.position()
    assert last is not None
    assert (last.written, last.durable) == (segment(SEGMENTS).end, segment(SEGMENTS).end)
    assert last.unfinished == (name(SEGMENTS + 1), 0)
    assert [each.durable for each in pipeline.seen] == sorted(each.durable for each in pipeline.seen)
    assert [durable for _, durable in sender.reported] == sorted(durable for _, durable in sender.reported)
