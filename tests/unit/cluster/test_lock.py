"""A lock is one process's; its text outlives the holder."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cluster.config.env_file import PROJECT_ROOT
from cluster.lock import FileLock

_HOLDER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from cluster.lock import FileLock
    with FileLock.of_file(Path(sys.argv[1])) as lock:
        assert lock.acquire()
        lock.write("held by another")
        print("held", flush=True)
        sys.stdin.read()
""")


def test_a_lock_is_one_process_s_and_free_when_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT_ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with FileLock.of_file(path) as lock:
            assert not lock.acquire()
            assert lock.read() == "held by another"
        holder.kill()
    with FileLock.of_file(path) as lock:
        assert lock.acquire()
        assert lock.read() == "held by another", "what it left unfinished can be found out"
        lock.write("mine")
        assert lock.read() == "mine"


def test_a_shorter_text_leaves_nothing_of_the_longer_one(tmp_path: Path) -> None:
    with FileLock.of_file(tmp_path / "a.lock") as lock:
        lock.write("a long text")
        lock.write("short")
        assert lock.read() == "short"


def test_a_directory_is_a_lock_of_itself(tmp_path: Path) -> None:
    with FileLock.of_directory(tmp_path) as first, FileLock.of_directory(tmp_path) as second:
        assert first.acquire()
        assert not second.acquire()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        FileLock.of_file(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()
