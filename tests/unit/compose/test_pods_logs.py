"""The script that keeps a server's log within bounds, run on a directory of its own."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from cluster.config.env_file import PROJECT_ROOT
from cluster.log_entries import is_audit

SCRIPT = PROJECT_ROOT / "compose" / "images" / "database" / "pods-logs"
DAY = 86_400
KEPT = 8_000_000


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An empty /var/log/pods."""
    made = tmp_path / "logs"
    made.mkdir()
    return made


def _bounds(directory: Path, text: str = f"text 7 {KEPT} 90 {KEPT}") -> None:
    (directory.parent / "bounds").write_text(text + "\n")


def _tidy(directory: Path, name: str = "server", reopen: str = "") -> None:
    """Once; the server opens ``server.json`` anew when asked."""
    again = ["sh", "-c", reopen or f": > {directory}/server.json"] if name == "server" else ["true"]
    environment = {**os.environ, "LOG_DIRECTORY": str(directory), "LOG_BOUNDS": str(directory.parent / "bounds")}
    subprocess.run(["sh", str(SCRIPT), "tidy", name, *again], env=environment, check=True)


def _line(message: str, **more: str) -> str:
    return json.dumps({"timestamp": "t", "message": message, **more}, separators=(",", ":")) + "\n"


LINES = [
    _line("AUDIT: SESSION,1,1,DDL,CREATE TABLE,,,create table t(),<none>"),
    _line("AUDIT: SESSION,1,1,DDL,DROP TABLE,,,drop table t,<none>", context="PL/pgSQL function f() line 1 at RAISE"),
    _line('a text with ,"message":"AUDIT: in it'),
    _line("password authentication failed", error_severity="FATAL"),
    _line('AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.t,"select \',""context"":\'",<none>'),
]


def _aged(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def _parts(directory: Path, kind: str) -> list[str]:
    return [line for path in sorted(directory.glob(f"{kind}-*")) for line in path.read_text().splitlines(keepends=True)]


def test_a_small_young_file_is_left_to_its_server(directory: Path) -> None:
    _bounds(directory)
    (directory / "server.json").write_text("".join(LINES))
    _tidy(directory)
    assert (directory / "server.json").read_text() == "".join(LINES)
    assert {path.name for path in directory.iterdir()} == {".began", "server.json"}


@pytest.mark.parametrize("why", ["large", "old"])
def test_what_ended_is_split_and_no_line_is_lost_or_doubled(directory: Path, why: str) -> None:
    _bounds(directory)
    filler = [_line("x" * 1000)] * (1100 if why == "large" else 1)
    (directory / "server.json").write_text("".join([*LINES, *filler]))
    if why == "old":
        (directory / ".began").touch()
        _aged(directory / ".began", 1.1)
    _tidy(directory)
    assert (directory / "server.json").read_text() == ""
    assert _parts(directory, "audit") == [line for line in LINES if is_audit(line.encode())] == [LINES[0], LINES[4]]
    assert _parts(directory, "server") == [*LINES[1:4], *filler]
    assert not list(directory.glob("raw-*"))


def test_a_file_that_its_server_still_writes_to_is_not_split_yet(directory: Path) -> None:
    _bounds(directory, "text 7 3000 90 8000000")
    (directory / "server.json").write_text("".join(LINES))
    _tidy(directory, reopen="true")
    assert _parts(directory, "raw") == LINES
    (directory / "server.json").touch()
    _tidy(directory)
    assert _parts(directory, "audit") + _parts(directory, "server") == [LINES[0], LINES[4], *LINES[1:4]]


def test_a_split_that_was_interrupted_is_done_again(directory: Path) -> None:
    _bounds(directory)
    for name, lines in (("raw", LINES), ("audit", LINES[:1]), ("server", LINES[1:2])):
        (directory / f"{name}-20261127T120000000Z.json").write_text("".join(lines))
    (directory / "server.json").touch()
    _tidy(directory)
    assert _parts(directory, "audit") == [LINES[0], LINES[4]]
    assert _parts(directory, "server") == LINES[1:4]


def test_what_does_not_fit_on_the_disk_stays_whole_until_it_does(directory: Path) -> None:
    _bounds(directory)
    lines = LINES * 40
    (directory / "raw-20261127T120000000Z.json").write_text("".join(lines))
    (directory / "server.json").touch()
    environment = {**os.environ, "LOG_DIRECTORY": str(directory), "LOG_BOUNDS": str(directory.parent / "bounds")}
    full = ["sh", "-c", f"ulimit -f 1; exec sh {SCRIPT} tidy server true"]
    subprocess.run(full, env=environment, check=False, stderr=subprocess.DEVNULL)
    assert _parts(directory, "raw") == lines
    assert not list(directory.glob("[as]*-*")) + list(directory.glob(".*.new"))
    _tidy(directory)
    assert len(_parts(directory, "audit")) + len(_parts(directory, "server")) == len(lines)


def test_what_is_too_old_goes_and_audit_stays_longer(directory: Path) -> None:
    _bounds(directory)
    for kind, days in (("server", 6.9), ("server", 7.1), ("audit", 89.0), ("audit", 91.0)):
        path = directory / f"{kind}-2026010{int(days) % 10}T000000000Z.json"
        path.write_text(LINES[0])
        _aged(path, days)
    _tidy(directory)
    assert sorted(path.name[:15] for path in directory.glob("*-*")) == ["audit-20260109T", "server-20260106"]


def test_the_oldest_goes_where_there_is_too_much(directory: Path) -> None:
    _bounds(directory, "text 7 1000 90 2500")
    for hour in range(5):
        for kind in ("server", "audit"):
            (directory / f"{kind}-20261127T0{hour}0000000Z.json").write_text("x" * 400)
    _tidy(directory)
    assert [path.name[16:18] for path in sorted(directory.glob("server-*"))] == ["03", "04"]
    assert len(list(directory.glob("audit-*"))) == 5


def test_the_log_of_the_pooler_is_text_and_goes_the_same_way(directory: Path) -> None:
    _bounds(directory, "json 7 8 90 8")
    (directory / "pgbouncer.log").write_text("line\n")
    _tidy(directory, "pgbouncer")
    assert [path.read_text() for path in directory.glob("pgbouncer-*.log")] == ["line\n"]
    assert not (directory / "pgbouncer.log").exists()


def test_nothing_else_in_the_directory_is_touched(directory: Path) -> None:
    _bounds(directory, "text 1 1 1 1")
    (directory / "mine.txt").write_text("x" * 100)
    _aged(directory / "mine.txt", 400)
    _tidy(directory)
    assert (directory / "mine.txt").exists()
