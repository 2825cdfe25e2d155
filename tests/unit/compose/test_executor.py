import errno
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.config import Config
from invoke.exceptions import Exit, ParseError
from invoke.tasks import Task

from cluster import errors
from cluster.config.env_file import PROJECT_ROOT
from cluster.errors import PodsError
from compose.commands.executor import PodsExecutor, foreseen
from compose.home.operation_lock import exclusive
from compose.operations.steps import TAKEN_BACK


def _run(body: Any) -> Any:
    def work(c: object) -> Any:
        return body()

    return PodsExecutor(Collection(work=Task(work)), config=Config()).execute("work")


def _exit_of(error: BaseException) -> Exit:
    def fail() -> None:
        raise error

    with pytest.raises(Exit) as ended:
        _run(fail)
    assert ended.value.__suppress_context__, "a traceback would be shown"
    return ended.value


def test_a_task_that_ends_well_ends_well() -> None:
    done: list[str] = []
    _run(lambda: done.append("it"))
    assert done == ["it"]


@pytest.mark.parametrize(
    "kind", [errors.UsageError, errors.RefusedError, errors.MachineError, errors.TimedOutError, PodsError]
)
def test_an_error_of_ours_is_a_line_a_hint_and_its_own_exit_code(kind: type[PodsError]) -> None:
    ended = _exit_of(kind("the port is taken", "free it"))
    assert ended.message == "✗ the port is taken\n  → free it"
    assert ended.code == kind.exit_code


def test_an_error_without_a_hint_is_a_line() -> None:
    assert _exit_of(errors.RefusedError("no")).message == "✗ no"


def test_an_interrupted_operation_says_how_to_repair(tmp_path: Path) -> None:
    def work() -> None:
        with exclusive(tmp_path / ".lock", "up"):
            raise KeyboardInterrupt

    with pytest.raises(Exit) as ended:
        _run(work)
    assert ended.value.code == 130
    assert ended.value.message is not None
    assert "inv up" in ended.value.message


def test_where_nothing_was_being_changed_there_is_nothing_to_repair() -> None:
    ended = _exit_of(KeyboardInterrupt())
    assert (ended.code, ended.message) == (130, "✗ interrupted")


def test_where_all_was_taken_back_there_is_nothing_to_repair(tmp_path: Path) -> None:
    def work() -> None:
        with exclusive(tmp_path / ".lock", "replica.add"):
            interruption = KeyboardInterrupt()
            interruption.add_note(TAKEN_BACK)
            raise interruption

    with pytest.raises(Exit) as ended:
        _run(work)
    assert (ended.value.code, ended.value.message) == (130, "✗ interrupted; what was begun was taken back")


def test_a_file_of_somebody_else_names_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    owner = pwd.getpwuid(tmp_path.stat().st_uid).pw_name
    ended = _exit_of(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "gone" / "archive_password")))
    assert f"→ {tmp_path} belongs to {owner}: run this as that user, or as root" in (ended.message or "")


def test_a_file_of_our_own_is_not_called_somebody_else_s(tmp_path: Path) -> None:
    ended = _exit_of(PermissionError(errno.EACCES, "Permission denied", str(tmp_path)))
    assert "→ mend owner or mode" in (ended.message or "")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_takes_nothing_is_the_machine_s_fault(number: int) -> None:
    ended = _exit_of(OSError(number, os.strerror(number), "/srv/pods/data/topology.json"))
    assert ended.code == 4
    assert ended.message is not None
    assert ended.message.startswith(f"✗ {os.strerror(number)}: /srv/pods/data/topology.json")
    assert "→ free some space" in ended.message


def test_a_full_disk_without_a_file_name_is_told_too() -> None:
    assert "while writing" in (_exit_of(OSError(errno.ENOSPC, "No space left on device")).message or "")


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("oops"), KeyError("x"), OSError(errno.EIO, "I/O error"), TypeError()]
)
def test_what_nobody_foresaw_is_a_bug_and_shows_where(capsys: pytest.CaptureFixture[str], error: Exception) -> None:
    ended = _exit_of(error)
    assert ended.code == 70
    assert "error of PODS itself" in (ended.message or "")
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert type(error).__name__ in err


@pytest.mark.parametrize("code", [0, 1, 2, 7])
def test_an_exit_a_task_asks_for_is_its_own(code: int) -> None:
    with pytest.raises(Exit) as ended:
        _run(lambda: (_ for _ in ()).throw(Exit(code=code)))
    assert ended.value.code == code
    assert ended.value.message is None


def test_a_mistyped_command_line_stays_invoke_s_to_explain() -> None:
    with pytest.raises(ParseError):
        _run(lambda: (_ for _ in ()).throw(ParseError("what?")))


ENTRIES = {
    "pods.sh": [sys.executable, "-c", "from compose.commands.entry import main; main()"],
    "inv": [sys.executable, "-c", "from invoke.main import program; program.run()", "--search-root", str(PROJECT_ROOT)],
}


@pytest.fixture(params=ENTRIES)
def inv(request: pytest.FixtureRequest) -> list[str]:
    """The command line of `./pods.sh`, and Invoke's own."""
    return ENTRIES[request.param]


def _environ(home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PODS_")}
    return {**inherited, "PODS_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def test_inv_itself_uses_this_executor(inv: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*inv, "config.check"],
        cwd=PROJECT_ROOT,
        env={**_environ(tmp_path), "PODS_REPLICAS": "many"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "✗ PODS_REPLICAS='many' is not valid (environment)"
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_reader_that_went_away_is_no_error(inv: list[str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [*inv, "config.render"],
        cwd=PROJECT_ROOT,
        env=_environ(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaint = process.stderr.read()
    assert (process.returncode, complaint) == (0, "")


def test_an_engine_or_a_server_that_goes_away_is_the_machine_s_fault() -> None:
    import docker.errors
    import psycopg
    import requests

    for error in (
        requests.ConnectionError("gone"),
        docker.errors.APIError("no space left"),
        psycopg.OperationalError("closed"),
    ):
        known = foreseen(error)
        assert known is not None
        assert known.exit_code == 4
    assert foreseen(psycopg.errors.SyntaxError("ours")) is None
    assert foreseen(ValueError("ours")) is None


def test_a_file_that_may_not_be_written_is_the_machine_s_fault() -> None:
    known = foreseen(PermissionError(13, "Permission denied", "/srv/x"))
    assert known is not None
    assert known.message == "Permission denied: /srv/x"
