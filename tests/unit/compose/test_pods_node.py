"""Functions of the nodes' own script, run by themselves."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from cluster.config.env_file import PROJECT_ROOT
from compose.render.link_local import PROXY_ADDRESS

SCRIPT = (PROJECT_ROOT / "compose" / "images" / "database" / "pods-node").read_text(encoding="utf-8")


def _run(function: str, call: str, **variables: str) -> str:
    found = re.search(rf"^{function}\(\) {{.*?^}}$", SCRIPT, re.MULTILINE | re.DOTALL)
    assert found
    done = subprocess.run(
        ["sh", "-euc", f"{found[0]}\n{call}"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def test_a_node_announces_itself_where_haproxy_is() -> None:
    assert f"\nPROXY={PROXY_ADDRESS} " in SCRIPT
    assert _run("announce", "announce && echo done", PROXY="127.0.0.1") == "done\n"


@pytest.mark.parametrize("content", ["", "\0" * 120, "\n7\n", "x7\n/var/lib\n", "0\n"])
def test_a_lock_that_a_loss_of_power_emptied_is_removed(tmp_path: Path, content: str) -> None:
    (tmp_path / "postmaster.pid").write_text(content)
    assert "names no process" in _run("clear_lock", "clear_lock", PGDATA=str(tmp_path))
    assert not (tmp_path / "postmaster.pid").exists()


@pytest.mark.parametrize("content", ["7\n/var/lib/postgresql/18/docker\n1764245000\n", "1\n", "-31\n", "7"])
def test_a_lock_that_names_a_process_is_postgresql_s_own_business(tmp_path: Path, content: str) -> None:
    (tmp_path / "postmaster.pid").write_text(content)
    assert _run("clear_lock", "clear_lock", PGDATA=str(tmp_path)) == ""
    assert (tmp_path / "postmaster.pid").read_text() == content


def test_without_a_lock_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert _run("clear_lock", "clear_lock", PGDATA=str(tmp_path)) == ""


def test_tablespaces_are_found_where_postgresql_has_some(tmp_path: Path) -> None:
    for name in ("fast/PG_18_1/5", "disks/big/PG_18_1", "18/docker/ts/PG_18_1", ".aside/old/PG_18_1", "other/data"):
        (tmp_path / name).mkdir(parents=True)
    found = _run("tablespaces", f"tablespaces {tmp_path}", VERSIONED=str(tmp_path / "18"), ROOT=str(tmp_path))
    assert sorted(found.split()) == [f"{tmp_path}/disks/big/PG_18_1", f"{tmp_path}/fast/PG_18_1"]


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        ([], 0),
        (["000000010000000000000003"], 0),
        (["00000002.history", "0000000A.history", "00000009.history"], 10),
        (["00000010.history", "00000003.history", "00000011.history.tmp", "xxxxxxxx.history"], 16),
    ],
)
def test_the_newest_history_file_says_on_which_timeline_data_has_been(
    tmp_path: Path, names: list[str], newest: int
) -> None:
    (tmp_path / "pg_wal").mkdir()
    for name in names:
        (tmp_path / "pg_wal" / name).touch()
    assert _run("newest_history", "newest_history", PGDATA=str(tmp_path)) == f"{newest}\n"
