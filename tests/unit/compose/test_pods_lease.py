"""Whether data is that of who led: by its timeline, and by how far its WAL goes."""

import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cluster.config.env_file import PROJECT_ROOT

_CONTROL = {
    "Latest checkpoint location": "0/3000100",
    "Latest checkpoint's REDO location": "0/3000028",
    "Latest checkpoint's TimeLineID": "2",
}
_END = "pg_waldump: error: error in WAL record at 0/3000148: invalid record length at 0/3000180: expected 24, got 0"


@pytest.fixture
def lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PGDATA", str(tmp_path))
    (tmp_path / "pg_wal").mkdir()
    made = ModuleType("pods_lease")
    path = Path(PROJECT_ROOT, "compose", "images", "hosts", "pods-lease")
    exec(compile(path.read_text(), path, "exec"), made.__dict__)
    monkeypatch.setitem(made.__dict__, "control_data", lambda: _CONTROL)
    return made


def _dumps(monkeypatch: pytest.MonkeyPatch, lease: Any, stderr: str) -> None:
    done = subprocess.CompletedProcess([], 1, stdout="", stderr=stderr)
    monkeypatch.setattr(lease.subprocess, "run", lambda *_, **__: done)


@pytest.mark.parametrize(("reached", "short"), [(0x3000100, False), (0x3000180, False), (0x3000181, True)])
def test_who_has_all_that_was_known_keeps_the_lease(
    monkeypatch: pytest.MonkeyPatch, lease: Any, reached: int, short: bool
) -> None:
    _dumps(monkeypatch, lease, _END)
    assert bool(lease.shortfall(2, reached)) is short


def test_a_reader_that_finds_nothing_leaves_the_checkpoint(monkeypatch: pytest.MonkeyPatch, lease: Any) -> None:
    _dumps(monkeypatch, lease, "pg_waldump: error: could not find a valid record after 0/3000028")
    assert lease.shortfall(2, 0x3000100) == ""
    assert "128 bytes" in lease.shortfall(2, 0x3000180)


def test_an_older_timeline_is_another_s(monkeypatch: pytest.MonkeyPatch, lease: Any, tmp_path: Path) -> None:
    _dumps(monkeypatch, lease, _END)
    assert "timeline 2, and the cluster on 11" in lease.shortfall(11, 0)
    (tmp_path / "pg_wal" / "0000000B.history").touch()
    assert lease.shortfall(11, 0) == ""


def test_data_that_cannot_be_read_is_nobody_s(lease: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dict[str, str]:
        raise FileNotFoundError("pg_control")

    monkeypatch.setitem(lease.__dict__, "control_data", missing)
    assert "nobody can tell" in lease.shortfall(1, 0)


@pytest.mark.parametrize(
    ("answers", "known"),
    [
        ([], (2, 100)),
        ([{"timeline": 2, "xlog": {"received_location": 300}}, {"xlog": {"received_location": 200}}], (2, 300)),
        ([{"timeline": 3, "xlog": {"location": 250}}], (3, 250)),
        ([{"timeline": 1, "xlog": {"received_location": 50}}], (2, 100)),
        ([{}, {"timeline": None, "xlog": None}, {"timeline": "9", "xlog": {"received_location": "x"}}], (2, 100)),
    ],
    ids=["nobody", "further", "later", "behind", "nothing"],
)
def test_other_members_know_what_the_store_was_not_told_yet(
    lease: Any, answers: list[dict[str, object]], known: tuple[int, int]
) -> None:
    assert lease.seen(answers, 2, 100) == known


def test_a_member_that_does_not_answer_says_nothing(lease: Any) -> None:
    assert lease.answer("https://127.0.0.1:1/patroni") == {}
