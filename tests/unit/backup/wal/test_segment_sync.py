"""Segments on their way to the disk while the next come in: in order, or not at all."""

import threading
from pathlib import Path

import pytest

from backup.wal.segment_sync import SegmentSyncer
from backup.wal.spool import Unfinished
from tests.unit.backup.wal.wal_made import SIZE, name, segment, spool, spooled, wal


class Slow(Unfinished):
    """One whose sync waits for leave, and may fail."""

    def ready(self, *, fails: bool = False) -> "Slow":
        self.leave, self.fails = threading.Event(), fails
        self.write(memoryview(wal(self.segment)))
        return self

    def sync(self) -> None:
        assert self.leave.wait(10)
        if self.fails:
            raise OSError(5, "Input/output error")
        super().sync()


def _add_all(finishing: SegmentSyncer, segments: list[Slow]) -> None:
    for each in segments:
        finishing.add(each)


def _all_done(finishing: SegmentSyncer) -> None:
    assert finishing.first is None


def test_a_segment_counts_as_durable_only_when_it_has_its_name(tmp_path: Path) -> None:
    where, named = spool(tmp_path), list[str]()
    finishing = SegmentSyncer(named.append)
    first, second = (Slow(where, segment(number)).ready() for number in (3, 4))
    finishing.add(first)
    finishing.add(second)
    second.leave.set()
    assert finishing.first == (name(3), segment(3).start)
    assert named == []
    assert where.current() == segment(3), "a start now would receive both again"
    first.leave.set()
    finishing.wait()
    assert named == [name(3), name(4)] == where.names()
    _all_done(finishing)
    finishing.close()


def test_what_was_durable_before_stays_so_while_the_rest_is_synced(tmp_path: Path) -> None:
    finishing = SegmentSyncer(lambda _: None)
    slow = Slow(spool(tmp_path), segment(3)).ready()
    slow.durable = 5000
    finishing.add(slow)
    assert finishing.first == (name(3), segment(3).start + 5000)
    slow.leave.set()
    finishing.close()


def test_after_a_segment_that_could_not_be_synced_none_is_named(tmp_path: Path) -> None:
    """Else the next start would go on behind the one that failed."""
    where, named = spool(tmp_path), list[str]()
    finishing = SegmentSyncer(named.append)
    bad, good = Slow(where, segment(3)).ready(fails=True), Slow(where, segment(4)).ready()
    good.leave.set()
    finishing.add(bad)
    finishing.add(good)
    bad.leave.set()
    with pytest.raises(OSError, match="Input/output error"):
        finishing.wait()
    finishing.close()
    assert named == []
    assert where.names() == [f"{name(3)}.partial", f"{name(4)}.partial"]
    assert where.current() == segment(3)


def test_a_disk_that_is_too_slow_holds_the_receiver_up(tmp_path: Path) -> None:
    where = spool(tmp_path)
    finishing = SegmentSyncer(lambda _: None)
    slow = [Slow(where, segment(number)).ready() for number in range(3)]
    adding = threading.Thread(target=_add_all, args=(finishing, slow))
    adding.start()
    adding.join(0.3)
    assert adding.is_alive(), "the third waits for the first"
    for each in slow:
        each.leave.set()
    adding.join(10)
    finishing.close()
    assert len(where.to_ship()) == 3


def test_of_several_unfinished_ones_the_first_is_received_next(tmp_path: Path) -> None:
    where = spool(tmp_path)
    spooled(where, 4)
    for number in (5, 6, 7):
        (where.path / f"{name(number)}.partial").write_bytes(bytes(SIZE))
    (where.path / f"{name(2)}.partial").touch()  # another: one that a store lacked
    assert where.current() == segment(5)
