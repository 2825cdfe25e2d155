import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.config.env_file import PROJECT_ROOT
from cluster.errors import MachineError, RefusedError
from compose.home.operation_lock import exclusive

HOLD = """
import sys, time
from pathlib import Path
from compose.home.operation_lock import exclusive
with exclusive(Path(sys.argv[1]), "replica.add"):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def _held_by_another(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield holder
        finally:
            holder.kill()


def _is_free(path: Path) -> bool:
    with path.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_the_lock_is_held_while_the_body_runs_and_free_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "data" / ".lock"
    with exclusive(path, "up"):
        assert not _is_free(path)
    assert _is_free(path)


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / ".lock", "up"):
        raise ZeroDivisionError
    assert _is_free(tmp_path / ".lock")


def test_the_lock_can_be_taken_again_and_again(tmp_path: Path) -> None:
    for operation in ("up", "restart", "up"):
        with exclusive(tmp_path / ".lock", operation):
            assert json.loads((tmp_path / ".lock").read_text())["operation"] == operation


def test_a_second_holder_is_refused_naming_the_first(tmp_path: Path) -> None:
    with exclusive(tmp_path / ".lock", "up"), pytest.raises(RefusedError) as refusal:  # noqa: SIM117
        with exclusive(tmp_path / ".lock", "restart"):
            raise AssertionError("two at once")
    assert "inv up" in refusal.value.message
    assert f"pid {os.getpid()}" in refusal.value.message
    assert "run this again" in refusal.value.hint


def test_another_process_is_refused_too_and_named(tmp_path: Path) -> None:
    with _held_by_another(tmp_path / ".lock") as holder, pytest.raises(RefusedError) as refusal:  # noqa: SIM117
        with exclusive(tmp_path / ".lock", "up"):
            raise AssertionError("two at once")
    assert "inv replica.add" in refusal.value.message
    assert f"pid {holder.pid}" in refusal.value.message


def test_a_refused_second_holder_does_not_free_the_first(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with exclusive(path, "up"):
        for _ in range(2):
            with pytest.raises(RefusedError), exclusive(path, "restart"):
                raise AssertionError("two at once")
        assert json.loads(path.read_text())["operation"] == "up"


def test_a_holder_that_was_killed_frees_it(tmp_path: Path) -> None:
    with _held_by_another(tmp_path / ".lock") as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with exclusive(tmp_path / ".lock", "up"):
            assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()


def test_what_a_dead_holder_wrote_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    path.write_text(json.dumps({"operation": "switchover", "pid": 1, "user": "root", "since": 0, "more": "x" * 500}))
    with exclusive(path, "up"):
        assert json.loads(path.read_text())["operation"] == "up"


@pytest.mark.parametrize("content", ["", "garbage", "{}", "[]", '{"operation": "up"}', '{"since": "x"}', "null"])
def test_a_holder_that_has_not_signed_is_still_a_holder(tmp_path: Path, content: str) -> None:
    path = tmp_path / ".lock"
    path.write_text(content)
    with path.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(RefusedError, match="another operation is under way: see `fuser"), exclusive(path, "up"):
            raise AssertionError("two at once")


def test_nobody_else_can_read_who_holds_it(tmp_path: Path) -> None:
    with exclusive(tmp_path / ".lock", "up"):
        assert (tmp_path / ".lock").stat().st_mode & 0o077 == 0


def test_a_program_started_meanwhile_does_not_inherit_the_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with exclusive(path, "up"):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        assert _is_free(path)
    finally:
        child.kill()
        child.wait()


def test_a_lock_that_cannot_be_made_is_the_machine_s_fault(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    with pytest.raises(MachineError, match="cannot be opened"), exclusive(tmp_path / "data" / ".lock", "up"):
        raise AssertionError("held nothing")
