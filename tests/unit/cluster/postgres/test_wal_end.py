"""The end of WAL, in files as PostgreSQL leaves them: records that go on over pages, and older WAL behind the last."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.files import Directory
from cluster.postgres.data_directory import DataDirectory
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_end import WalEnd, read_crc, read_wal_end
from cluster.postgres.wal_format import PAGE, RECORD
from cluster.postgres.wal_records import crc32c
from tests.unit.wal_writer import SIZE, WalWriter

LENGTHS = st.lists(st.one_of(st.integers(24, 200), st.integers(24, 5 * PAGE // 2)), min_size=1, max_size=8)


def _data(*, timeline: int = 1, standby: bool = False) -> DataDirectory:
    return DataDirectory("18", "1", "in production", Lsn(SIZE + 64), timeline, standby, redo=Lsn(SIZE + 40))


def _end(directory: Path, data: DataDirectory | None = None) -> WalEnd | None:
    with Directory.open(directory) as wal:
        return read_wal_end(data or _data(), wal)


def _write(path: Path, lengths: Sequence[int], *, behind: bytes = b"", content: int = 0) -> Path:
    writer = WalWriter(content=content)
    for length in lengths:
        writer.record(length)
    return writer.write(path, behind)


def test_the_checksum_is_castagnoli_s() -> None:
    assert crc32c(b"123456789") == crc32c(b"1234", b"56789") == 0xE3069283


@given(lengths=LENGTHS, recycled=st.booleans())
@settings(max_examples=25, deadline=None)
def test_every_record_makes_the_end_later_and_what_was_there_before_does_not(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], recycled: bool
) -> None:
    path = tmp_path_factory.mktemp("wal")
    behind, writer, ends = bytes(_old_page()) if recycled else b"", WalWriter(), list[WalEnd]()
    for length in lengths:
        writer.record(length)
        end = _end(writer.write(path / f"{len(ends)}", behind))
        assert end is not None
        assert end.lsn <= writer.at < end.lsn + PAGE
        ends.append(end)
    positions = [end.lsn for end in ends]
    assert positions == sorted(set(positions))
    with Directory.open(path / f"{len(ends) - 1}") as wal:  # the whole WAL has the last record of every part of it
        assert all(read_crc(wal, 1, end.record) == end.crc for end in ends if end.record)


def _old_page() -> bytearray:
    """Of the first segment, full of records."""
    writer = WalWriter(content=9)
    writer.at = 0
    for _ in range(3 * PAGE // 1000):
        writer.record(1000)
    return writer.pages[1]


def test_the_end_is_that_of_the_last_whole_record(tmp_path: Path) -> None:
    writer = WalWriter()
    for length in (100, 60, 41):
        writer.record(length)
    whole = _end(writer.write(tmp_path / "whole"))
    assert whole is not None
    assert (whole.lsn, whole.record) == (writer.ends[-1], writer.ends[-2])
    writer.pages[SIZE // PAGE][writer.ends[-2] % PAGE + 30] ^= 1  # a byte of it was not written
    torn = _end(writer.write(tmp_path / "torn"))
    assert torn is not None
    assert (torn.lsn, torn.record) == (writer.ends[-2], writer.ends[-3])


def test_another_record_at_the_same_position_is_not_the_same(tmp_path: Path) -> None:
    one = _end(_write(tmp_path / "one", [100, 60]))
    assert one is not None
    _write(tmp_path / "other", [100, 60, 80], content=1)
    with Directory.open(tmp_path / "other") as wal:
        assert read_crc(wal, 1, one.record) not in (None, one.crc)
        assert read_crc(wal, 2, one.record) is None
        assert read_crc(wal, 1, Lsn(one.record + 64 * SIZE)) is None


def test_a_standby_has_wal_of_a_newer_timeline_and_a_primary_none(tmp_path: Path) -> None:
    _write(tmp_path / "wal", [100])
    newer = WalWriter(timeline=2)
    newer.record(300)
    newer.write(tmp_path / "newer")
    for file in (tmp_path / "newer").iterdir():
        file.rename(tmp_path / "wal" / file.name)
    standby, primary = _end(tmp_path / "wal", _data(standby=True)), _end(tmp_path / "wal")
    assert standby is not None
    assert primary is not None
    assert (standby.timeline, standby.lsn, primary.timeline) == (2, newer.ends[-1], 1)


def test_where_there_is_no_wal_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "00000001000000000000000Z").touch()
    (tmp_path / "000000010000000000000001").write_bytes(b"\0" * SIZE)
    (tmp_path / "000000010000000000000002").touch()
    assert _end(tmp_path) is None


def test_the_header_of_a_record_is_24_bytes() -> None:
    assert RECORD.size == 24
