"""Counting refused logins from files that grow, are moved away and come anew."""

import json
import os
from pathlib import Path

import pytest

from cluster.log_entries import LONGEST
from exporters.collectors.login_log import LoginLog

NODES = ("primary", "replica1")
KNOWN = {"app", "postgres"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The logs of two nodes and of PgBouncer."""
    for name in (*NODES, "pgbouncer"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def log(root: Path) -> LoginLog:
    """A reader that knows no network."""
    return LoginLog(root, root / "no routes")


def _refused(role: str = "app") -> str:
    return (
        json.dumps(
            {"user": role, "remote_host": "8.8.8.8", "error_severity": "FATAL", "state_code": "28P01"},
            separators=(",", ":"),
        )
        + "\n"
    )


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def _counts(log: LoginLog) -> dict[tuple[str, str, str], int]:
    rows = log.read(NODES, KNOWN)
    return {(row["server"], row["role"], row["source"]): row["failed_logins_total"] for row in rows}


def test_what_comes_after_the_first_look_counts(root: Path, log: LoginLog) -> None:
    file = root / "primary" / "server.json"
    file.write_text(_refused() * 3)
    assert _counts(log) == {}
    _append(file, _refused() * 2 + _refused("nobody"))
    _append(
        root / "pgbouncer" / "pgbouncer.log", "t t UTC [1] WARNING C-0x1: a/app@10.0.0.1:5 pooler error: no such user\n"
    )
    assert _counts(log) == {
        ("primary", "app", "public"): 2,
        ("primary", "other", "public"): 1,
        ("pgbouncer", "app", "private"): 1,
    }


def test_a_file_that_was_ended_is_read_to_its_end_and_the_next_from_its_beginning(root: Path, log: LoginLog) -> None:
    file = root / "primary" / "server.json"
    file.write_text("")
    _counts(log)
    _append(file, _refused())
    moved = file.rename(file.with_name("raw-20261127T120000000Z.json"))
    _append(moved, _refused())
    file.write_text(_refused())
    moved.unlink()
    assert _counts(log) == {("primary", "app", "public"): 3}
    assert _counts(log) == {("primary", "app", "public"): 3}


def test_a_line_in_halves_counts_once_when_it_is_whole(root: Path, log: LoginLog) -> None:
    file = root / "replica1" / "server.json"
    file.write_text("")
    _counts(log)
    line = _refused()
    _append(file, line[:30])
    assert _counts(log) == {}
    _append(file, line[30:])
    assert _counts(log) == {("replica1", "app", "public"): 1}


def test_an_endless_line_is_left_out_and_the_next_one_counts(root: Path, log: LoginLog) -> None:
    file = root / "replica1" / "server.json"
    file.write_text("")
    _counts(log)
    _append(file, "x" * (3 * LONGEST) + _refused() + _refused())
    assert _counts(log) == {("replica1", "app", "public"): 1}


def test_links_pipes_and_missing_directories_are_no_error(root: Path, log: LoginLog) -> None:
    (root / "primary" / "server.json").symlink_to("/etc/passwd")
    os.mkfifo(root / "replica1" / "server.json")
    (root / "pgbouncer").rmdir()
    assert _counts(log) == {}


def test_a_node_that_is_gone_is_closed_and_its_count_stays(root: Path, log: LoginLog) -> None:
    file = root / "replica1" / "server.json"
    file.write_text("")
    _counts(log)
    _append(file, _refused())
    _counts(log)
    (row,) = log.read(("primary",), KNOWN)
    assert row["failed_logins_total"] == 1


def test_more_roles_than_there_is_room_for_are_others(root: Path, log: LoginLog) -> None:
    file, names = root / "primary" / "server.json", [f"role{number}" for number in range(300)]
    file.write_text("")
    log.read(NODES, set(names))
    _append(file, "".join(_refused(name) for name in names))
    rows = log.read(NODES, set(names))
    assert len(rows) <= 101
    assert sum(row["failed_logins_total"] for row in rows) == 300
