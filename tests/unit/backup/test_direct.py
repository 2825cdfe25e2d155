import os
from pathlib import Path

import pytest

from backup.direct import CHUNK, DirectWriter

PAGE_CACHE_ONLY = Path("/dev/shm")
"""A file system in memory, which knows no direct writes (before Linux 6.6)."""
NOISE = os.urandom(2 * CHUNK + 5000)


@pytest.mark.parametrize("shared", [False, True], ids=["disk", "memory"])
@pytest.mark.parametrize("piece", [4097, 1 << 20, 3 * CHUNK])
def test_every_byte_is_written_whatever_the_sizes(tmp_path: Path, piece: int, shared: bool) -> None:
    folder = PAGE_CACHE_ONLY if shared else tmp_path
    path = folder / f"pods-test-{os.getpid()}"
    writer = DirectWriter()  # one for all, as a restore has it
    for size in (0, 1, 4096, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 4096, len(NOISE)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            writer.begin(descriptor)
            for start in range(0, size, piece):
                writer.write(memoryview(NOISE)[start : min(start + piece, size)])
            writer.finish()
            assert path.read_bytes() == NOISE[:size]
        finally:
            os.close(descriptor)
            path.unlink()


def test_what_the_look_changes_is_what_is_written(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def look(offset: int, part: memoryview) -> None:
        seen.append((offset, len(part)))
        part[0] = 7

    path = tmp_path / "file"
    with path.open("wb", buffering=0) as file:
        writer = DirectWriter()
        writer.begin(file.fileno(), look)
        writer.write(bytes(CHUNK + 5000))
        writer.finish()

    assert seen == [(0, CHUNK), (CHUNK, 4096), (CHUNK + 4096, 904)]
    assert [at for at, byte in enumerate(path.read_bytes()) if byte] == [0, CHUNK, CHUNK + 4096]


def test_a_full_disk_is_an_error_that_says_so() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        writer = DirectWriter()
        writer.begin(full.fileno())
        with pytest.raises(OSError, match="No space left"):
            writer.write(bytes(CHUNK))
