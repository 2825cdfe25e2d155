"""Scrubbing: any flipped byte of any stored segment or piece is found, and nothing else is."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup.layout import tail_key, wal_key
from backup.store import StoreError
from backup.wal.codec import pack
from backup.wal.read import read_segment
from backup.wal.scrub import scrub
from tests.unit.backup.wal.wal_made import SIZE, SYSTEM, Moody, local, name, put, segment, wal

NAMES = [name(number) for number in range(1, 5)]


def test_what_is_right_is_right(tmp_path: Path) -> None:
    store = local(tmp_path)
    lines: list[str] = []
    put(store, *NAMES)
    found = scrub(store, SYSTEM, NAMES, SIZE, lines.append)
    assert (found.segments, found.bytes, found.damaged) == (4, 4 * SIZE, {})
    assert lines[-1] == "Reading WAL in local: 4 of 4 segments, 4.0 MB"


@given(at=st.integers(0, 1 << 30), bit=st.integers(0, 7))
@settings(max_examples=60)
def test_any_flipped_bit_that_changes_something_is_found(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    store = local(tmp_path_factory.mktemp("scrub"))
    put(store, *NAMES[:2])
    key = wal_key(SYSTEM, NAMES[1])
    body = bytearray(store.get(key))
    body[at % len(body)] ^= 1 << bit
    store.replace(key, bytes(body))
    found = list(scrub(store, SYSTEM, NAMES[:2], SIZE, lambda _: None).damaged)
    # a frame's header has bits that change nothing of its content
    assert found == [NAMES[1]] or (not found and read_segment(store, SYSTEM, NAMES[1]) == wal(segment(2)))


@pytest.mark.parametrize("body", [b"", b"\0", random.Random(1).randbytes(5000), pack(wal(segment(9)))])
def test_another_content_is_found(tmp_path: Path, body: bytes) -> None:
    store = local(tmp_path)
    put(store, *NAMES)
    store.replace(wal_key(SYSTEM, NAMES[2]), body)
    assert list(scrub(store, SYSTEM, NAMES, SIZE, lambda _: None).damaged) == [NAMES[2]]


def test_pieces_are_read_and_what_is_gone_does_not_count(tmp_path: Path) -> None:
    store, last = local(tmp_path), name(5)
    put(store, *NAMES[1:])
    data = wal(segment(5), written=16384)
    store.create(tail_key(SYSTEM, last, 0, 8192), pack(data[:8192]))
    store.create(tail_key(SYSTEM, last, 8192, 16384), pack(data[8192:16384]))
    assert scrub(store, SYSTEM, [*NAMES, last], SIZE, lambda _: None).segments == 4

    store.replace(tail_key(SYSTEM, last, 8192, 16384), b"x")
    assert list(scrub(store, SYSTEM, [*NAMES, last], SIZE, lambda _: None).damaged) == [last]


def test_a_store_that_does_not_answer_says_nothing_about_what_is_in_it(tmp_path: Path) -> None:
    inner = local(tmp_path)
    put(inner, *NAMES)
    store = Moody(inner)
    store.down = True
    with pytest.raises(StoreError):
        scrub(store, SYSTEM, NAMES, SIZE, lambda _: None)
