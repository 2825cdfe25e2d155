"""Keys and segment arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.layout import (
    WalObject,
    archive_key,
    backup_key,
    backup_name,
    check_backup_name,
    drill_key,
    gap_key,
    history_key,
    hold_key,
    next_segment,
    parse_backup_key,
    parse_segment,
    parse_stamp,
    parse_wal_key,
    segment_name,
    segment_start,
    segments_between,
    stamp,
    tail_key,
    verified_key,
    wal_key,
)
from cluster.postgres.lsn import Lsn

MIB = 1 << 20
SIZES = st.integers(20, 30).map(lambda power: 1 << power)
LSNS = st.integers(0, (1 << 64) - (1 << 31))


@given(timeline=st.integers(1, 0xFFFFFFFF), lsn=LSNS, size=SIZES)
def test_a_name_and_its_segment_are_one(timeline: int, lsn: int, size: int) -> None:
    name = segment_name(timeline, lsn, size)
    segment = parse_segment(name, size)
    assert str(segment) == name
    assert segment.timeline == timeline
    assert segment.start == segment_start(lsn, size) <= lsn < segment.end


@given(lsn=LSNS, size=SIZES)
def test_the_next_segment_begins_where_this_one_ends(lsn: int, size: int) -> None:
    name = segment_name(7, lsn, size)
    following = next_segment(name, size)
    assert parse_segment(following, size).start == parse_segment(name, size).end
    assert following > name


@pytest.mark.parametrize(
    ("size", "name", "following"),
    [
        (16 * MIB, "0000000100000000000000FF", "000000010000000100000000"),
        (64 * MIB, "00000001000000000000003F", "000000010000000100000000"),
        (1024 * MIB, "0000000A0000000000000003", "0000000A0000000100000000"),
        (MIB, "000000010000000000000FFF", "000000010000000100000000"),
        (16 * MIB, "000000010000000000000001", "000000010000000000000002"),
    ],
)
def test_names_roll_over_at_four_gib(size: int, name: str, following: str) -> None:
    assert next_segment(name, size) == following


@pytest.mark.parametrize(
    "name",
    [
        "000000010000000000000100",
        "00000000000000000000000A",
        "0000000100000000000000ff",
        "00000001000000000000000A.partial",
    ],
)
def test_what_is_no_segment_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="WAL segment"):
        parse_segment(name, 16 * MIB)


@pytest.mark.parametrize("size", [0, -16 * MIB, 3 * MIB, MIB // 2, 2048 * MIB])
def test_sizes_that_postgresql_does_not_have_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="size of WAL segments"):
        segment_name(1, 0, size)


def test_a_stop_on_a_boundary_needs_no_further_segment() -> None:
    """As PostgreSQL's XLByteToPrevSeg."""
    assert list(segments_between(1, 5, 16 * MIB, 16 * MIB)) == ["000000010000000000000000"]
    assert list(segments_between(1, 5, 16 * MIB + 1, 16 * MIB))[-1] == "000000010000000000000001"
    assert list(segments_between(1, 16 * MIB, 16 * MIB, 16 * MIB)) == []


@given(st.integers(0, 4_000_000_000))
def test_stamps_come_back_and_sort(time: int) -> None:
    assert parse_stamp(stamp(time)) == time
    assert stamp(time) < stamp(time + 1)


def test_the_keys_are_those_of_the_reference() -> None:
    name = backup_name(1_795_312_800.5, "incremental", "00beef")
    assert name == "20261122T020000Z-incr-00beef"
    assert archive_key("7") == "7/archive.json"
    assert backup_key("7", name) == f"7/backups/{name}/backup.json"
    assert backup_key("7", name, "16384.tar.zst") == f"7/backups/{name}/16384.tar.zst"
    assert wal_key("7", "00000002000000010000000A") == "7/wal/00000002/00000002000000010000000A.zst"
    assert (
        tail_key("7", "00000002000000010000000A", 0x2000, 0x4000)
        == "7/wal/00000002/00000002000000010000000A.tail/00002000-00004000.zst"
    )
    assert history_key("7", 0x1A) == "7/wal/0000001A.history"
    assert gap_key("7", 0, 1, Lsn.parse("1/A")) == "7/gaps/19700101T000000Z-00000001-000000010000000A.json"
    assert hold_key("7", name) == f"7/holds/{name}.json"
    assert verified_key("7", name) == f"7/verified/{name}.json"
    assert drill_key("7", 60) == "7/drills/19700101T000100Z.json"


def test_keys_of_wal_are_read_back() -> None:
    segment = "00000002000000010000000A"
    assert parse_wal_key(wal_key("7", segment)) == WalObject(timeline=2, segment=segment)
    tail = parse_wal_key(tail_key("7", segment, 16, 32))
    assert tail == WalObject(timeline=2, segment=segment, start=16, end=32)
    assert not tail.is_whole
    assert parse_wal_key(history_key("7", 2)) == WalObject(timeline=2)


@pytest.mark.parametrize(
    "key",
    [
        "7/wal/00000001/00000002000000010000000A.zst",
        "7/wal/00000002/00000002000000010000000A.partial",
        "7/backups/x",
        "7/wal/00000002/00000002000000010000000A.tail/1-2.zst",
        "x/wal/00000002.history",
    ],
)
def test_foreign_keys_are_not_taken_for_wal(key: str) -> None:
    assert parse_wal_key(key) is None


def test_keys_of_backups_are_read_back() -> None:
    name = "20261122T020000Z-full-00beef"
    assert parse_backup_key(backup_key("7", name, "base.tar.zst")) == (name, "base.tar.zst")
    for key in (f"7/backups/{name}", "7/backups/x/base.tar", f"7/backups/{name}/a/b", f"7/holds/{name}/a"):
        assert parse_backup_key(key) is None


@pytest.mark.parametrize(
    "name", ["", "latest", "20261122T020000Z-full", "20261322T020000Z-full-00beef", "20261122T020000Z-incr-00BEEF"]
)
def test_a_bad_name_of_a_backup_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"backup|time data"):
        check_backup_name(name)


@pytest.mark.parametrize("system", ["", "../7", "7/8", "-7", "x", "1" * 21])
def test_a_bad_system_identifier_is_refused(system: str) -> None:
    with pytest.raises(ValueError, match="system identifier"):
        archive_key(system)


@pytest.mark.parametrize("file", ["", "..", "../x", "a/b", ".x"])
def test_a_bad_file_name_is_refused(file: str) -> None:
    with pytest.raises(ValueError, match="file of a backup"):
        backup_key("7", "20261122T020000Z-full-00beef", file)
