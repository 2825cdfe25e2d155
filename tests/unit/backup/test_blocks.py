import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.base.tar import BrokenTarError
from backup.catalog import Backup
from backup.restore.blocks import BLOCK, patch, patched
from backup.restore.directory import remove_others
from backup.restore.label import join
from tests.unit.backup.test_base import CHAIN

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


def apply(path: Path, body: bytes, size: int = 1 << 20) -> None:
    patch(path, in_pieces(body, size))


BLOCKS = st.dictionaries(st.integers(0, 12), st.integers(0, 255)).map(lambda found: sorted(found.items()))


@given(
    before=st.lists(st.integers(0, 255), max_size=10),
    kept=st.integers(0, 12),
    blocks=BLOCKS,
    size=st.integers(1, 20000),
)
def test_blocks_come_where_they_belong_and_the_file_gets_its_length(
    tmp_path_factory: pytest.TempPathFactory, before: list[int], kept: int, blocks: list[Block], size: int
) -> None:
    path = tmp_path_factory.mktemp("blocks") / "file"
    path.write_bytes(b"".join(bytes([fill]) * BLOCK for fill in before))
    length = max([kept, *(number + 1 for number, _ in blocks)])
    # at and behind ``kept`` only what comes counts, whatever was there (PostgreSQL 18, GetFileBackupMethod)
    expected = dict.fromkeys(range(length), 0) | dict(enumerate(before[:kept])) | dict(blocks)

    apply(path, incremental(kept, blocks), size)

    assert path.read_bytes() == b"".join(bytes([expected[number]]) * BLOCK for number in range(length))


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
    path = tmp_path / "file"
    path.write_bytes(bytes(BLOCK))

    with pytest.raises(BrokenTarError, match="incremental file"):
        apply(path, body)

    assert path.stat().st_size <= 3 * BLOCK


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


def test_what_the_newest_backup_does_not_name_goes(tmp_path: Path) -> None:
    for path in ("base/5/1", "base/5/2", "base/6/1", "global/1", "gone"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "pg_empty").mkdir()

    remove_others(tmp_path, {"base/5/1", "global/1"}, {"base", "base/5", "global", "pg_empty"})

    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"base", "base/5", "base/5/1", "global", "global/1", "pg_empty"}


LABEL = "START WAL LOCATION: 0/5000028 (file 000000010000000000000005)\nLABEL: pods\nSTART TIMELINE: 1\n"


def label(parent: Backup, **changes: object) -> str:
    said = {"lsn": parent.start_lsn, "timeline": parent.timeline, **changes}
    return f"{LABEL}INCREMENTAL FROM LSN: {said['lsn']}\nINCREMENTAL FROM TLI: {said['timeline']}\n"


def test_a_joined_label_is_one_of_a_whole_cluster(tmp_path: Path) -> None:
    path = tmp_path / "backup_label"
    path.write_text(label(CHAIN[0]))

    assert join(path, CHAIN[0]) == ""

    assert path.read_text() == LABEL


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (LABEL, "does not say on what it builds"),
        (label(CHAIN[0], lsn="7/7"), "it builds on 7/7 of timeline"),
        (label(CHAIN[0], timeline=99), "of timeline 99"),
    ],
)
def test_a_label_of_another_parent_is_refused_and_stays(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "backup_label"
    path.write_text(text)

    assert wrong in join(path, CHAIN[0])

    assert path.read_text() == text
