from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.store import DamagedError
from backup.wal.codec import pack, unpack
from backup.wal.page_headers import NotWalError, check_pages
from cluster.postgres.wal_format import PAGE
from tests.unit.backup.wal.wal_made import SIZE, SYSTEM, name, segment, wal

WAL = wal(segment(7))


def test_a_segment_is_what_its_name_says() -> None:
    check_pages(WAL, segment(7), SYSTEM)


@pytest.mark.parametrize("written", [PAGE, 3 * PAGE, 3 * PAGE + 100, SIZE - 1])
def test_zeros_may_follow_what_was_written(written: int) -> None:
    check_pages(wal(segment(7), written=written), segment(7), SYSTEM)


def test_a_segment_of_another_cluster_is_refused() -> None:
    with pytest.raises(NotWalError, match="of another cluster, 7400000000000000002"):
        check_pages(wal(segment(7), system="7400000000000000002"), segment(7), SYSTEM)


def test_a_segment_under_another_name_is_refused() -> None:
    with pytest.raises(NotWalError, match=name(8)):
        check_pages(WAL, segment(8), SYSTEM)


def test_an_older_timeline_may_be_in_the_pages_and_a_newer_may_not() -> None:
    check_pages(WAL, segment(7, timeline=2), SYSTEM)
    with pytest.raises(NotWalError, match="timeline 2"):
        check_pages(wal(segment(7, timeline=2)), segment(7), SYSTEM)


def test_another_release_of_postgresql_is_refused() -> None:
    with pytest.raises(NotWalError, match="PostgreSQL 18"):
        check_pages(b"\x16\xd1" + WAL[2:], segment(7), SYSTEM)


@pytest.mark.parametrize("size", [0, 39])
def test_less_than_a_header_is_refused(size: int) -> None:
    with pytest.raises(NotWalError, match=f"only {size} bytes"):
        check_pages(WAL[:size], segment(7), SYSTEM)


@given(page=st.integers(1, SIZE // PAGE - 1), byte=st.sampled_from([0, 1, 8, 9, 10, 11, 12]))
def test_a_changed_page_header_is_found(page: int, byte: int) -> None:
    damaged = bytearray(WAL)
    damaged[page * PAGE + byte] ^= 0x40
    with pytest.raises(NotWalError, match=f"at byte {page * PAGE}:"):
        check_pages(bytes(damaged), segment(7), SYSTEM)


@given(begin=st.integers(0, SIZE // PAGE - 1))
def test_a_piece_is_checked_by_itself(begin: int) -> None:
    piece = WAL[begin * PAGE :]
    check_pages(piece, segment(7), SYSTEM, begin * PAGE)
    with pytest.raises(NotWalError):
        check_pages(piece, segment(8), SYSTEM, begin * PAGE)


@given(st.binary(min_size=1, max_size=5000))
def test_what_is_packed_comes_out_again(data: bytes) -> None:
    assert unpack(pack(data), 5000) == data


@given(place=st.one_of(st.integers(0, 20), st.integers(0, 10_000)), bit=st.integers(0, 7))
def test_a_byte_flipped_in_a_packed_segment_never_goes_unnoticed(place: int, bit: int) -> None:
    body = bytearray(pack(WAL))
    body[place % len(body)] ^= 1 << bit
    with suppress(DamagedError):  # a bit that zstd does not use may be any
        assert unpack(bytes(body), SIZE) == WAL


def test_a_frame_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(DamagedError, match="says that it has 2000 bytes"):
        unpack(pack(bytes(2000)), 1000)


def test_a_cut_frame_is_refused() -> None:
    with pytest.raises(DamagedError):
        unpack(pack(WAL)[:-9], SIZE)
