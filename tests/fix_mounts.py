"""File systems of their own, for tests of what happens where a directory is a mount point. Only root can mount."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def mounted() -> Iterator[Callable[[Path], Path]]:
    """Mounts an empty file system at a directory, which it makes, and gives it back; unmounted when the test ends."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    points: list[Path] = []

    def mount(path: Path) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=512m", "pods-test", path], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"this host lets nobody mount: {done.stderr.strip()}")
        points.append(path)
        return path

    yield mount
    for path in reversed(points):
        subprocess.run(["umount", path], capture_output=True, check=True)
