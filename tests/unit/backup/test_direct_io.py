import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backup.direct_io import CHUNK, DirectWriter, PieceHook

NOISE = os.urandom(2 * CHUNK + 5000)


def write(path: Path, data: bytes, piece: int = 1 << 20, hook: PieceHook = lambda _offset, _part: None) -> None:
    with path.open("wb", buffering=0) as file:
        writer = DirectWriter(file.fileno(), hook)
        for start in range(0, len(data), piece):
            writer.write(memoryview(data)[start : start + piece])
        writer.finish()


@pytest.mark.parametrize("piece", [4097, 1 << 20, 3 * CHUNK])
@pytest.mark.parametrize("size", [0, 1, 4096, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 4096, len(NOISE)])
def test_every_byte_is_written_whatever_the_sizes(tmp_path: Path, size: int, piece: int) -> None:
    write(tmp_path / "file", NOISE[:size], piece)

    assert (tmp_path / "file").read_bytes() == NOISE[:size]


def short_once(path: Path) -> Callable[[int, memoryview, int], int]:
    """A write that ends within a block, as on a disk that is just full; all others are the system's."""
    system = os.pwrite
    begun: list[bool] = []

    def pwrite(descriptor: int, data: memoryview, offset: int) -> int:
        if begun:
            return system(descriptor, data, offset)
        begun.append(True)
        with path.open("r+b") as file:
            return file.write(data[:1000])

    return pwrite


def test_after_a_write_that_ended_within_a_block_the_page_cache_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pwrite", short_once(tmp_path / "file"))

    write(tmp_path / "file", NOISE)

    assert (tmp_path / "file").read_bytes() == NOISE


def test_what_the_look_changes_is_what_is_written(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def hook(offset: int, part: memoryview) -> None:
        seen.append((offset, len(part)))
        part[0] = 7

    write(tmp_path / "file", bytes(CHUNK + 5000), hook=hook)

    assert seen == [(0, CHUNK), (CHUNK, 4096), (CHUNK + 4096, 904)]
    assert [at for at, byte in enumerate((tmp_path / "file").read_bytes()) if byte] == [0, CHUNK, CHUNK + 4096]


def test_what_knows_no_direct_writes_is_written_to_and_a_full_disk_said() -> None:
    """Devices refuse O_DIRECT, as some file systems do."""
    write(Path("/dev/null"), NOISE)
    with pytest.raises(OSError, match="No space left"):
        write(Path("/dev/full"), NOISE)
