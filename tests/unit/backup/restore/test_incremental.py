import struct
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.base.tar import BrokenTarError
from backup.catalog import Backup
from backup.direct_io import CHUNK
from backup.restore.assembly import making
from backup.restore.incremental import BLOCK, joined, parent_fault, patched
from tests.unit.backup.base.test_base import CHAIN

Block = tuple[int, int]
"""Which, and the byte it is full of."""


def incremental(kept: int, blocks: Sequence[Block]) -> bytes:
    """A file as the server sends it."""
    numbers = b"".join(struct.pack("=I", number) for number, _ in blocks)
    header = struct.pack("=III", 0xD3AE1F0D, len(blocks), kept) + numbers
    padding = bytes(-len(header) % BLOCK) if blocks else b""
    return header + padding + b"".join(bytes([fill]) * BLOCK for _, fill in blocks)


def in_pieces(body: bytes, size: int) -> Iterator[memoryview]:
    return (memoryview(body)[at : at + size] for at in range(0, len(body), size))


def full(fills: Sequence[int]) -> bytes:
    return b"".join(bytes([fill]) * BLOCK for fill in fills)


class Part(NamedTuple):
    """What an incremental backup has of a file."""

    kept: int
    blocks: list[Block]


PARTS = st.builds(
    Part,
    st.integers(0, 12),
    st.dictionaries(st.integers(0, 12), st.integers(0, 255)).map(lambda found: sorted(found.items())),
)


def after(before: Sequence[int], part: Part) -> Sequence[int]:
    """The file as it was when an incremental backup was taken.

    At and behind ``kept`` only what comes counts, whatever was there (PostgreSQL 18, GetFileBackupMethod).
    """
    length = max([part.kept, *(number + 1 for number, _ in part.blocks)])
    known = dict(enumerate(before[: part.kept])) | dict(part.blocks)
    return [known.get(number, 0) for number in range(length)]


@given(
    first=st.lists(st.integers(0, 255), max_size=10),
    parts=st.lists(PARTS, min_size=1, max_size=4),
    size=st.integers(1, 20000),
)
def test_a_chain_from_its_newest_backup_on_comes_to_the_same_as_from_its_oldest(
    tmp_path_factory: pytest.TempPathFactory, first: list[int], parts: list[Part], size: int
) -> None:
    directory = tmp_path_factory.mktemp("blocks") / "made"
    with making(directory) as made:
        for part in reversed(parts):
            made.blocks("file", in_pieces(incremental(part.kept, part.blocks), size))
            assert made.next_backup() == ""
        made.whole("file", 0o600, len(first) * BLOCK, in_pieces(full(first), size))
        assert made.next_backup() == ""

    assert (directory / "file").read_bytes() == full(reduce(after, parts, first))


def test_a_file_of_many_chunks_has_every_block_in_its_place(tmp_path: Path) -> None:
    """Written past the page cache; the older file ends within a block, and newer blocks lie behind it."""
    length = 3 * CHUNK // BLOCK
    first = [number % 251 for number in range(length)]
    newer = Part(length + 9, [(number, 252) for number in range(0, length + 7, 5)])
    with making(tmp_path / "made") as made:
        made.blocks("file", in_pieces(incremental(*newer), 1 << 20))
        made.next_backup()
        made.whole("file", 0o600, length * BLOCK - 5000, in_pieces(full(first)[:-5000], 1 << 20))

    expected = bytearray(full(first)[:-5000] + bytes(5000 + 9 * BLOCK))
    for number, byte in newer.blocks:
        expected[number * BLOCK : (number + 1) * BLOCK] = bytes([byte]) * BLOCK
    assert (tmp_path / "made/file").read_bytes() == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"x" * 12, id="another beginning"),
        pytest.param(incremental(3, [(0, 1), (2, 2)])[:-1], id="cut short"),
        pytest.param(incremental(3, [(0, 1), (2, 2)])[:14], id="cut within its numbers"),
        pytest.param(incremental(1 << 20, []), id="longer than any file"),
        pytest.param(incremental(1, [(1 << 20, 1)]), id="a block beyond any file"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, body: bytes) -> None:
    with making(tmp_path / "made") as made, pytest.raises(BrokenTarError, match=r"incremental file|ends too early"):
        made.blocks("file", in_pieces(body, 1 << 20))


@pytest.mark.parametrize(
    ("path", "whole"),
    [
        ("base/5/INCREMENTAL.16384", "base/5/16384"),
        ("global/INCREMENTAL.1260.1", "global/1260.1"),
        ("base/5/16384", None),
        ("base/INCREMENTAL.5/16384", None),
    ],
)
def test_a_file_with_blocks_of_another_is_known_by_its_name(path: str, whole: str | None) -> None:
    assert patched(path) == whole


def test_what_the_newest_backup_does_not_name_is_not_made(tmp_path: Path) -> None:
    with making(tmp_path / "made") as made:
        made.folder("base")
        made.whole("base/1", 0o600, 3, in_pieces(b"new", 2))
        made.next_backup()

        made.folder("gone")
        made.whole("base/1", 0o600, 5, in_pieces(b"older", 2))
        made.whole("base/2", 0o600, 5, in_pieces(b"other", 2))
        made.blocks("base/3", in_pieces(incremental(1, [(0, 1)]), 9000))

    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert there == {"made", "made/base", "made/base/1"}
    assert (tmp_path / "made/base/1").read_bytes() == b"new"


def test_a_file_whose_rest_no_older_backup_has_is_named(tmp_path: Path) -> None:
    with making(tmp_path / "made") as made:
        made.blocks("2", in_pieces(incremental(2, [(0, 1)]), 9000))
        made.blocks("1", in_pieces(incremental(2, []), 9000))
        made.next_backup()
        made.whole("2", 0o600, 5, in_pieces(b"other", 2))

        assert made.next_backup() == "1"


LABEL = b"START WAL LOCATION: 0/5000028 (file 000000010000000000000005)\nLABEL: pods\nSTART TIMELINE: 1\n"


def label(parent: Backup, **changes: object) -> bytes:
    said = {"lsn": parent.start_lsn, "timeline": parent.timeline, **changes}
    return LABEL + f"INCREMENTAL FROM LSN: {said['lsn']}\nINCREMENTAL FROM TLI: {said['timeline']}\n".encode()


def test_a_joined_label_is_one_of_a_whole_cluster() -> None:
    assert parent_fault(label(CHAIN[0]), CHAIN[0]) == ""
    assert joined(label(CHAIN[0])) == LABEL


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (LABEL, "does not say on what it builds"),
        (label(CHAIN[0], lsn="7/7"), "it builds on 7/7 of timeline"),
        (label(CHAIN[0], timeline=99), "of timeline 99"),
    ],
)
def test_a_label_of_another_parent_is_refused(text: bytes, wrong: str) -> None:
    assert wrong in parent_fault(text, CHAIN[0])
