from pathlib import Path

import pytest

from backup.wal.archiver import ShippingLag
from backup.wal.spool import Unfinished
from cluster.backup_status import (
    ArchivedStore,
    ArchiveStatus,
    BackupStatus,
    parse_status,
    read_status,
    write_status,
)
from cluster.documents import dump
from cluster.errors import RefusedError
from tests.unit.backup.wal.wal_made import SIZE, name, segment, spool, spooled, wal


def test_the_spool_says_where_to_go_on(tmp_path: Path) -> None:
    where = spool(tmp_path)
    assert where.current() is None
    spooled(where, 5)
    assert where.current() == segment(6)
    Unfinished(where, segment(6)).abandon()
    assert where.current() == segment(6)
    Unfinished(where, segment(5, timeline=2)).abandon()
    assert where.current() == segment(5, timeline=2)


def test_a_kill_between_two_segments_leaves_none_out(tmp_path: Path) -> None:
    where = spool(tmp_path)
    Unfinished(where, segment(5)).finish()
    assert where.current() == segment(6)
    Unfinished(where, segment(2)).abandon()  # one that was being received again, for a store that lacked it
    assert where.current() == segment(6)


def test_a_file_of_odd_size_does_not_hinder_the_next_start(tmp_path: Path) -> None:
    """What a kill leaves is received anew, over the bytes that are there."""
    where = spool(tmp_path)
    (where.path / f"{name(3)}.partial").write_bytes(b"torn" * 1000)
    again = Unfinished(where, segment(3))
    assert (again.written, again.durable) == (0, 0)
    again.write(memoryview(wal(segment(3))))
    assert again.finish() == name(3)
    assert (where.path / name(3)).read_bytes() == wal(segment(3))
    assert where.to_ship() == [name(3)]


def test_only_what_is_durable_is_said_to_be(tmp_path: Path) -> None:
    unfinished = Unfinished(spool(tmp_path), segment(3))
    unfinished.write(memoryview(b"x" * 100))
    assert (unfinished.written, unfinished.durable) == (100, 0)
    unfinished.sync()
    assert unfinished.durable == 100
    unfinished.abandon()


def test_a_timeline_that_was_left_keeps_what_is_durable_of_its_last_segment(tmp_path: Path) -> None:
    where = spool(tmp_path)
    (where.path / f"{name(3)}.partial").write_bytes(b"y" * 5000)  # an earlier run had more than this one confirmed
    unfinished = Unfinished(where, segment(3))
    unfinished.write(memoryview(b"x" * 100))
    assert unfinished.close_short() == f"{name(3)}.closed"
    assert (where.path / f"{name(3)}.closed").read_bytes() == b"x" * 100
    assert unfinished.gone
    empty = Unfinished(where, segment(4))
    assert empty.close_short() is None
    assert where.names() == [f"{name(3)}.closed"]


def test_a_history_comes_before_the_segments_of_its_timeline(tmp_path: Path) -> None:
    where = spool(tmp_path)
    spooled(where, 5, timeline=2)
    where.keep_history(2, b"1 0/500000\n")
    where.keep_history(2, b"1 0/500000\n")
    assert where.to_ship() == ["00000002.history", name(5, 2)]
    with pytest.raises(RefusedError, match="another history of timeline 2"):
        where.keep_history(2, b"1 0/600000\n")


def test_foreign_files_in_the_spool_are_left_alone(tmp_path: Path) -> None:
    where = spool(tmp_path)
    (where.path / "notes").mkdir()
    (where.path / "archive.json").write_text("{}")
    spooled(where, 1)
    assert where.names() == [name(1)]
    assert where.size() == SIZE


def test_lag_is_the_age_of_what_is_lacking() -> None:
    now = [0.0]
    lag = ShippingLag(lambda: now[0])
    for moment, position in ((0.0, 100), (10.0, 200), (20.0, 300)):
        now[0] = moment
        lag.reach(position)
    now[0] = 25.0
    assert lag.of(300) == 0.0
    assert lag.of(250) == 5.0
    assert lag.of(100) == 15.0
    lag.forget(200)
    assert lag.of(100) == 5.0
    assert lag.of(None) == 0.0


def test_the_status_can_be_read_back(tmp_path: Path) -> None:
    archive = ArchiveStatus(
        updated=1.5,
        timeline=2,
        received="0/5000",
        slot_errors=(("replica1", "down"),),
        stores=(ArchivedStore(name="s3", archived="0/4000", behind=4096, lag=3.0),),
    )
    status = BackupStatus(archive=archive)
    assert parse_status(dump(status)) == status
    write_status(tmp_path, status)
    assert read_status(tmp_path) == status
    assert len(list(tmp_path.iterdir())) == 1
    assert read_status(tmp_path / "none") == BackupStatus()
    with pytest.raises(ValueError, match="newer PODS"):
        parse_status('{"format": 99}')
    with pytest.raises(ValueError, match="missing or unknown"):
        parse_status('{"format": 1, "what": 1}')
