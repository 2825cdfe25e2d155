import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from backup.layout import Segment, history_key, tail_key, tail_prefix, wal_key
from backup.store import ConflictError, Store
from backup.wal.codec import pack
from backup.wal.gaps import Gap, full_made, full_wanted, note, read_gaps, ship_notes, want_full
from backup.wal.identity import ArchiveIdentity, claim
from backup.wal.partial_segments import PartialSegments, assemble, cover, find_pieces, reach
from backup.wal.pipeline import Pipeline, StreamPosition
from backup.wal.read import read_segment
from backup.wal.resume import first_missing, timelines
from backup.wal.shipper import Shipper, Shipping
from backup.wal.spool import Spool, Unfinished
from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn
from tests.unit.backup.wal.wal_made import (
    SIZE,
    SYSTEM,
    Moody,
    local,
    name,
    put,
    put_history,
    segment,
    spool,
    spooled,
    wal,
)


class Ship:
    """Shippers of some stores over one spool."""

    def __init__(self, where: Spool, *stores: Store, uploads: int = 2) -> None:
        self.spool, self.log = where, list[str]()
        self.pipeline = Pipeline(where, [store.name for store in stores], 1 << 40)
        how = Shipping(uploads=uploads, tail_seconds=0.05)
        self.shippers = [Shipper(store, self.pipeline, how, self.log.append) for store in stores]

    def receive(self, segment: Segment, readable: int) -> None:
        """The receiver has come so far."""
        end = Lsn(segment.start + readable)
        unfinished = (str(segment), readable)
        self.pipeline.advance(StreamPosition(timeline=1, written=end, durable=end, unfinished=unfinished))

    def __enter__(self) -> "Ship":
        for shipper in self.shippers:
            shipper.start()
        return self

    def __exit__(self, *_: object) -> None:
        for shipper in self.shippers:
            shipper.stop()
        for shipper in self.shippers:
            shipper.join(10)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("ship-")]

    def until(self, check: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not check():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)


def test_what_is_in_the_spool_at_the_start_is_shipped_and_then_leaves_it(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    names = [spooled(where, number) for number in range(5)]
    where.keep_history(2, b"1\t0/500000\tx\n")
    with Ship(where, store) as ship:
        ship.until(lambda: where.names() == ["00000002.history"])
        ship.until(lambda: bool(list(store.list(history_key(SYSTEM, 2)))))  # it stays in the spool, stored or not
        ship.until(lambda: ship.shippers[0].segments == 5)
    assert [read_segment(store, SYSTEM, each) for each in names] == [wal(segment(number)) for number in range(5)]
    assert store.get(history_key(SYSTEM, 2)) == b"1\t0/500000\tx\n"
    assert ship.shippers[0].segments == 5


def test_shipping_the_same_again_is_success(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    put(store, name(1))
    spooled(where, 1)
    with Ship(where, store) as ship:
        ship.until(lambda: not where.names())
    assert ship.shippers[0].conflicts == 0


def test_the_same_wal_packed_by_another_zstd_is_the_same(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    other = zstandard.ZstdCompressor(level=1).compress(wal(segment(1)))
    assert other != pack(wal(segment(1)))
    store.create(wal_key(SYSTEM, name(1)), other)
    spooled(where, 1)
    with Ship(where, store) as ship:
        ship.until(lambda: not where.names())
    assert ship.shippers[0].conflicts == 0
    assert store.get(wal_key(SYSTEM, name(1))) == other


def test_a_different_segment_is_never_overwritten_and_never_forgotten(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    theirs = pack(wal(segment(1))[:-1] + b"?")
    store.create(wal_key(SYSTEM, name(1)), theirs)
    spooled(where, 1)
    spooled(where, 2)
    with Ship(where, store) as ship:
        ship.until(lambda: not where.names() and read_gaps(store, SYSTEM))
    assert store.get(wal_key(SYSTEM, name(1))) == theirs
    assert (where.path / "conflicts" / name(1)).read_bytes() == wal(segment(1))
    (gap,) = read_gaps(store, SYSTEM)
    assert (gap.from_lsn, gap.to_lsn) == (str(segment(1).start), str(segment(1).end))
    assert "another 000000010000000000000001" in full_wanted(where.path)
    assert any("do two clusters write there?" in line for line in ship.log)
    assert ship.shippers[0].conflicts == 1


def test_nothing_of_a_timeline_is_shipped_whose_history_differs_in_the_store(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    put_history(store, 2, "1\t0/300000\tanother\n")
    where.keep_history(2, b"1\t0/500000\tours\n")
    spooled(where, 5, timeline=2)
    spooled(where, 4)
    with Ship(where, store) as ship:
        ship.until(lambda: name(4) not in where.names() and ship.shippers[0].conflicts)
        time.sleep(0.2)
    assert store.head(wal_key(SYSTEM, name(5, 2))) is None
    assert name(5, 2) in where.names()


def test_a_history_that_the_store_refuses_holds_no_later_timeline_back_and_is_one_conflict(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    put_history(store, 2, "1\t0/300000\tanother\n")
    where.keep_history(2, b"1\t0/500000\tours\n")
    where.keep_history(3, b"1\t0/600000\tours\n")
    spooled(where, 5, timeline=2)
    later = [spooled(where, number, timeline=3) for number in range(6, 9)]
    with Ship(where, store, uploads=1) as ship:
        ship.until(lambda: all(store.head(wal_key(SYSTEM, each)) for each in later))
        (shipper,) = ship.shippers
        time.sleep(1.2)
        assert shipper.conflicts == 1
        assert "another history of timeline 2: nothing of it is shipped" in shipper.error
    assert store.get(history_key(SYSTEM, 3)) == b"1\t0/600000\tours\n"
    assert where.to_ship() == ["00000002.history", name(5, 2), "00000003.history"]
    assert len([line for line in ship.log if "another history" in line]) == 1


class _SlowHistory(Moody):
    """Takes its time to say that it has another history."""

    def create(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        if key.endswith(".history"):
            time.sleep(0.3)
        return super().create(key, body, metadata)


def test_nothing_of_a_timeline_is_shipped_while_its_history_is_on_its_way(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), _SlowHistory(local(tmp_path / "store"))
    put_history(store.inner, 2, "1\t0/300000\tanother\n")
    where.keep_history(2, b"1\t0/500000\tours\n")
    spooled(where, 5, timeline=2)
    with Ship(where, store) as ship:
        tail = Unfinished(where, segment(6, 2))
        tail.write(memoryview(wal(segment(6, 2)))[:9000])
        ship.receive(segment(6, 2), 9000)
        ship.until(lambda: ship.shippers[0].conflicts)
        time.sleep(0.2)
    assert store.head(wal_key(SYSTEM, name(5, 2))) is None
    assert not list(store.list(tail_prefix(SYSTEM, name(6, 2))))


def test_one_store_being_down_holds_the_other_back_in_nothing(tmp_path: Path) -> None:
    where = spool(tmp_path / "spool")
    good, bad = local(tmp_path / "good"), Moody(local(tmp_path / "bad"))
    bad.down = True
    names = [spooled(where, number) for number in range(3)]
    with Ship(where, good, bad) as ship:
        ship.until(lambda: all(good.head(wal_key(SYSTEM, each)) for each in names))
        assert where.names() == names
        assert ship.shippers[1].archived() == segment(0).start
        ship.until(lambda: "answers 503" in ship.shippers[1].error)
        bad.down = False
        ship.until(lambda: not where.names())
    assert [read_segment(bad, SYSTEM, each) for each in names] == [wal(segment(number)) for number in range(3)]
    assert ship.shippers[1].error == ""
    assert len([line for line in ship.log if "503" in line]) <= 4, "the same trouble is not told again and again"


def test_a_damaged_file_of_the_spool_is_not_shipped_but_received_again(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    (where.path / name(1)).write_bytes(wal(segment(2)))
    (where.path / name(3)).write_bytes(wal(segment(3))[:-1])
    with Ship(where, store) as ship:
        ship.until(lambda: len([line for line in ship.log if "received again if it is in none" in line]) == 2)
        assert ship.pipeline.take_request()
    assert store.head(wal_key(SYSTEM, name(1))) is None
    assert store.head(wal_key(SYSTEM, name(3))) is None
    assert where.names() == [f"{name(1)}.bad", f"{name(3)}.bad"]


def test_the_tail_is_shipped_in_pieces_of_what_is_new_and_superseded_by_the_whole(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    unfinished = Unfinished(where, segment(1))
    whole = wal(segment(1))
    with Ship(where, store) as ship:
        for end in (100, 20_000, 20_100):
            unfinished.write(memoryview(whole)[unfinished.written : end])
            unfinished.sync()
            ship.receive(segment(1), end)
            ship.until(lambda end=end: reach(find_pieces(store, SYSTEM, name(1))) == end)  # type: ignore[misc]
            assert read_segment(store, SYSTEM, name(1)) == whole[:end] + bytes(SIZE - end)
            ship.until(lambda end=end: ship.shippers[0].archived() == segment(1).start + end)  # type: ignore[misc]
        assert find_pieces(store, SYSTEM, name(1)) == [(0, 100), (100, 20_000), (20_000, 20_100)]
        unfinished.write(memoryview(whole)[unfinished.written :])
        ship.receive(segment(2), 0)
        ship.pipeline.complete(unfinished.finish())
        ship.until(lambda: not where.names())
    assert find_pieces(store, SYSTEM, name(1)) == []
    assert read_segment(store, SYSTEM, name(1)) == whole


def test_a_store_that_deletes_nothing_is_an_archive_all_the_same(tmp_path: Path) -> None:
    """What is stored is stored: an object lock, or a key that may not delete, leaves pieces and holds nothing up."""
    where, store = spool(tmp_path / "spool"), Moody(local(tmp_path / "store"))
    store.keeps = True
    with Ship(where, store) as ship:
        for number in (1, 2):
            unfinished, whole = Unfinished(where, segment(number)), wal(segment(number))
            unfinished.write(memoryview(whole)[:100])
            unfinished.sync()
            ship.receive(segment(number), 100)
            ship.until(lambda number=number: find_pieces(store, SYSTEM, name(number)))  # type: ignore[misc]
            unfinished.write(memoryview(whole)[100:])
            ship.receive(segment(number + 1), 0)
            ship.pipeline.complete(unfinished.finish())
            ship.until(lambda: not where.names())
        assert ship.shippers[0].archived() == segment(3).start
        assert ship.shippers[0].error == ""
        assert ship.shippers[0].segments == 2
    assert [read_segment(store, SYSTEM, name(number)) for number in (1, 2)] == [wal(segment(n)) for n in (1, 2)]
    assert len([line for line in ship.log if "AccessDenied" in line]) == 1, ship.log


def test_pieces_that_were_put_together_and_stay_are_not_put_together_again(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), Moody(local(tmp_path / "store"))
    store.keeps = True
    unfinished, whole = Unfinished(where, segment(1)), wal(segment(1))
    pieces = PartialSegments(store, where, 3)
    for end in range(100, 100 * 150, 100):
        unfinished.write(memoryview(whole)[unfinished.written : end])
        unfinished.sync()
        pieces.ship(lambda end=end: (name(1), end), list)  # type: ignore[misc]
    found = find_pieces(store, SYSTEM, name(1))
    assert len([start for start, _ in found if start == 0]) == 1 + len(found) // 48
    assert assemble(store, SYSTEM, name(1), SIZE) == whole[: 149 * 100] + bytes(SIZE - 149 * 100)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda each: (each[0], sum(each)))))
def test_as_few_pieces_as_lead_as_far_are_read(ranges: list[tuple[int, int]]) -> None:
    needed = cover(ranges)
    assert reach(needed) == reach(ranges)
    assert set(needed) <= set(ranges)
    assert all(reach([each for each in needed if each != left]) < reach(needed) for left in needed)


def test_segments_that_wait_for_a_store_are_one_line_in_the_log(tmp_path: Path) -> None:
    class Counted(Moody):
        tried: ClassVar[list[str]] = []

        def create(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
            if key.endswith(".zst"):
                self.tried.append(key)
            return super().create(key, body, metadata)

    where, store = spool(tmp_path / "spool"), Counted(local(tmp_path / "store"))
    put(store)
    names = [spooled(where, number) for number in range(2)]
    ship = Ship(where, store)
    ship.shippers[0]._claimed, store.down = True, True
    with ship:
        ship.until(lambda: len(store.tried) >= 6)
        store.down = False
        ship.until(lambda: not where.names())
    assert len(set(store.tried)) == len(names)
    assert len([line for line in ship.log if line.startswith(tuple(names))]) == 1, ship.log
    assert ship.log.count("store moody takes WAL again") == 1


def test_what_the_receiver_completes_while_it_is_asked_how_much_is_archived_is_not_taken_for_archived(
    tmp_path: Path,
) -> None:
    class Busy(Pipeline):
        """A receiver that goes on to the next segment just before somebody reads where it is."""

        def unfinished(self) -> tuple[str, int] | None:
            self.complete(name(1))
            self.advance(StreamPosition(timeline=1, written=end, durable=end, unfinished=(name(2), 0)))
            return super().unfinished()

    where, end = spool(tmp_path / "spool"), segment(2).start
    store = local(tmp_path / "store")
    pipeline = Busy(where, [store.name], 1 << 40)
    pipeline.advance(StreamPosition(timeline=1, written=end, durable=segment(1).start, unfinished=(name(1), 0)))
    shipper = Shipper(store, pipeline, Shipping(), lambda _: None)
    assert shipper.archived() == segment(1).start, "it is in the queue, and in no store"


def test_a_later_run_goes_on_after_the_pieces_of_an_earlier_one_and_removes_them(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    put(store)
    store.create(tail_key(SYSTEM, name(1), 0, 9000), pack(wal(segment(1))[:9000]))
    unfinished = Unfinished(where, segment(1))
    unfinished.write(memoryview(wal(segment(1))))
    unfinished.sync()
    tails = PartialSegments(store, where, level=1)
    assert not tails.ship(lambda: (name(1), 8000), tuple)
    assert tails.ship(lambda: (name(1), 9500), tuple)
    assert find_pieces(store, SYSTEM, name(1)) == [(0, 9000), (9000, 9500)]
    unfinished.finish()
    PartialSegments(store, where, level=1).drop(name(1))
    assert find_pieces(store, SYSTEM, name(1)) == []


def test_many_pieces_become_one(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    put(store)
    (where.path / f"{name(1)}.partial").write_bytes(wal(segment(1)))
    tails = PartialSegments(store, where, level=1)
    for number in range(1, 120):
        assert tails.ship(lambda number=number: (name(1), number * 1000), tuple)  # type: ignore[misc]
        assert len(find_pieces(store, SYSTEM, name(1))) <= 48
        assert tails.end(name(1)) == number * 1000
    assert read_segment(store, SYSTEM, name(1)) == wal(segment(1), written=119_000)


def test_the_rest_of_a_left_timeline_stays_as_pieces(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    (where.path / f"{name(1)}.closed").write_bytes(wal(segment(1))[:70_000])
    with Ship(where, store) as ship:
        ship.until(lambda: not where.names())
    assert read_segment(store, SYSTEM, name(1)) == wal(segment(1), written=70_000)
    assert [stored.key for stored in store.list(tail_prefix(SYSTEM, name(1)))] == [tail_key(SYSTEM, name(1), 0, 70_000)]


def test_pieces_with_a_hole_count_only_up_to_it() -> None:
    assert reach([(0, 10), (20, 30)]) == 10
    assert reach([(5, 10)]) == 0
    assert reach([(8, 20), (0, 10)]) == 20


def test_an_archive_belongs_to_one_cluster(tmp_path: Path) -> None:
    store = local(tmp_path)
    ours = ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=SIZE)
    claim(store, ours)
    claim(store, ours)
    with pytest.raises(RefusedError, match="describes another archive"):
        claim(store, ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=16 << 20))


def test_what_a_store_lacks_begins_after_what_it_and_the_spool_have(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    assert first_missing(store, where) == {}
    put(store, name(3), name(4), name(6), name(9, 2))
    put_history(store, 2, "1\t0/900000\tx\n")
    put_history(store, 3, "1\t0/900000\tx\n")
    assert list(timelines(store, SYSTEM)) == [1, 2]
    assert first_missing(store, where) == {1: segment(5).start, 2: segment(10).start}, (
        "a hole that an upload left is found"
    )
    spooled(where, 5)
    assert first_missing(store, where)[1] == segment(7).start


def test_a_recorded_gap_is_not_asked_for_again(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    put(store, name(3), name(6))
    note(where.path, store.name, _gap(4, 6))
    assert [gap.from_lsn for gap in ship_notes(where.path, store, SYSTEM)] == [str(segment(4).start)]
    assert first_missing(store, where) == {1: segment(7).start}


def _gap(first: int, end: int) -> Gap:
    start, stop = str(segment(first).start), str(segment(end).start)
    return Gap(timeline=1, from_lsn=start, to_lsn=stop, noticed=1_800_000_000.0, why="it was removed")


def test_a_gap_is_noted_once_and_kept_until_the_store_has_it(tmp_path: Path) -> None:
    store = Moody(local(tmp_path / "store"), name="local")
    note(tmp_path, "local", _gap(4, 6))
    note(tmp_path, "local", _gap(4, 7))
    note(tmp_path, "other", _gap(4, 6))
    store.down = True
    with pytest.raises(Exception, match="503"):
        list(ship_notes(tmp_path, store, SYSTEM))
    store.down = False
    assert len(list(ship_notes(tmp_path, store, SYSTEM))) == 1
    assert list(ship_notes(tmp_path, store, SYSTEM)) == []
    assert [gap.why for gap in read_gaps(store, SYSTEM)] == ["it was removed"]


def test_only_a_full_backup_that_began_after_the_gap_answers_it(tmp_path: Path) -> None:
    assert full_wanted(tmp_path) == ""
    want_full(tmp_path, "0/600000", "a gap")
    full_made(tmp_path, "0/500000")
    assert full_wanted(tmp_path) == "a gap"
    full_made(tmp_path, "0/600000")
    assert full_wanted(tmp_path) == ""
    full_made(tmp_path, "0/700000")


def test_a_piece_that_differs_in_the_store_is_never_replaced(tmp_path: Path) -> None:
    where, store = spool(tmp_path / "spool"), local(tmp_path / "store")
    put(store)
    (where.path / f"{name(1)}.partial").write_bytes(wal(segment(1)))
    tails = PartialSegments(store, where, level=1)
    assert tails.ship(lambda: (name(1), 5000), tuple)
    store.create(tail_key(SYSTEM, name(1), 5000, 6000), pack(b"?" * 1000))
    with pytest.raises(ConflictError):
        tails.ship(lambda: (name(1), 6000), tuple)
