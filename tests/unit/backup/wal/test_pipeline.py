"""What passes between the receiver and the shippers, and in which order."""

import time
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backup.store import Stored
from backup.wal.pipeline import Pipeline, ReceiverStatus, ShipQueue, StreamPosition
from backup.wal.receiver import Receiver, WalSource
from tests.unit.backup.wal.wal_made import SIZE, Moody, local, name, segment, spool, spooled


def made(where: Path, *, limit: int = 1 << 40) -> Pipeline:
    return Pipeline(spool(where), ["disk", "bucket"], limit)


def test_what_is_complete_is_for_every_store_and_so_is_what_an_earlier_run_left(tmp_path: Path) -> None:
    spooled(spool(tmp_path), 1)
    pipeline = made(tmp_path)
    pipeline.complete(name(2))
    assert pipeline.queue.left("disk") == pipeline.queue.left("bucket") == [name(1), name(2)]


def test_the_spool_is_full_at_its_limit_and_no_longer_when_something_was_shipped(tmp_path: Path) -> None:
    for number in (1, 2):
        spooled(spool(tmp_path), number)
    pipeline = made(tmp_path, limit=2 * SIZE)
    assert pipeline.is_full()
    pipeline.spool.remove(name(1))
    time.sleep(0.25)
    assert not pipeline.is_full()


def test_a_request_is_served_once(tmp_path: Path) -> None:
    pipeline = made(tmp_path)
    assert not pipeline.is_requested()
    pipeline.request_again()
    assert pipeline.is_requested()
    assert pipeline.take_request()
    assert not pipeline.is_requested()
    assert not pipeline.take_request()


def test_only_a_store_that_could_not_be_read_asks_for_another_reading_when_it_is_back(tmp_path: Path) -> None:
    pipeline = made(tmp_path)
    pipeline.store_answered("disk")
    assert not pipeline.is_requested()
    pipeline.set_unread(["bucket"])
    pipeline.store_answered("disk")
    assert not pipeline.is_requested()
    pipeline.store_answered("bucket")
    assert pipeline.take_request()
    pipeline.set_unread([])
    pipeline.store_answered("bucket")
    assert not pipeline.is_requested()


def test_what_the_receiver_published_last_is_what_is_read(tmp_path: Path) -> None:
    pipeline = made(tmp_path)
    assert pipeline.position() is None
    assert pipeline.status() == ReceiverStatus()
    position = StreamPosition(timeline=1, written=segment(2).end, durable=segment(2).start, unfinished=(name(2), 0))
    pipeline.advance(position)
    pipeline.set_status(ReceiverStatus(node="a", streaming=True))
    assert pipeline.position() == position
    assert pipeline.status() == ReceiverStatus(node="a", streaming=True)


def test_a_file_leaves_only_when_every_store_has_it() -> None:
    backlog = ShipQueue(["disk", "bucket"])
    backlog.add(["b", "a"])
    assert [backlog.take("disk", 0), backlog.take("disk", 0), backlog.take("disk", 0)] == ["a", "b", None]
    assert not backlog.done("disk", "a")
    assert backlog.left("disk") == ["b"]
    assert backlog.left("bucket") == ["a", "b"]
    assert backlog.take("bucket", 0) == "a"
    backlog.failed("bucket", "a")
    assert backlog.take("bucket", 0) == "a"
    assert backlog.done("bucket", "a")


def test_nothing_of_a_timeline_is_given_out_before_its_history_and_other_timelines_go_on() -> None:
    queue = ShipQueue(["disk"])
    queue.add(["00000002.history", name(5, 2), name(9, 3)])
    assert queue.take("disk", 0) == "00000002.history"
    queue.failed("disk", "00000002.history", 3600.0)
    assert [queue.take("disk", 0), queue.take("disk", 0)] == [name(9, 3), None]
    assert queue.unsettled("disk") == {2}
    queue.failed("disk", name(9, 3))
    assert queue.take("disk", 0) == name(9, 3)


def test_what_was_refused_is_given_out_again_after_a_pause() -> None:
    queue = ShipQueue(["disk"])
    queue.add(["a"])
    assert queue.take("disk", 0) == "a"
    queue.failed("disk", "a", 0.05)
    assert queue.take("disk", 0) is None
    time.sleep(0.1)
    assert queue.take("disk", 0) == "a"


@given(st.lists(st.tuples(st.sampled_from("xy"), st.booleans()), max_size=40))
def test_no_file_is_given_up_before_all_have_it(steps: list[tuple[str, bool]]) -> None:
    backlog = ShipQueue(["x", "y"])
    files = {"1", "2", "3"}
    backlog.add(files)
    had: dict[str, set[str]] = {"x": set(), "y": set()}
    for store, works in steps:
        taken = backlog.take(store, 0)
        if taken is None:
            assert had[store] == files
        elif works:
            had[store].add(taken)
            assert backlog.done(store, taken) == (taken in had["x"] & had["y"])
        else:
            backlog.failed(store, taken)
        assert set(backlog.left(store)) == files - had[store]


def test_a_store_that_cannot_be_read_is_known_before_the_next_one_is_read(tmp_path: Path) -> None:
    """It may answer its shipper again while the others are still read."""
    pipeline, seen = made(tmp_path / "spool"), list[frozenset[str]]()

    class Watched(Moody):
        def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
            seen.append(pipeline.unread())
            return super().list(prefix, after)

    disk, bucket = Moody(local(tmp_path / "disk"), "disk"), Watched(local(tmp_path / "bucket"), "bucket")
    disk.down = True
    source = WalSource(nodes={}, primary=lambda: "a")
    assert list(Receiver(source, pipeline, [disk, bucket], print)._read_stores()) == ["bucket"]
    assert set(seen) == {frozenset({"disk"})}
