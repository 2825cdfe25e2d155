"""What is shipped to a host, against real files: the scripts run here, on directories of the test's own."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose.engine.hosts.shipped_files import (
    APPLY_SCRIPT,
    CLAIM,
    LEAVE_SCRIPT,
    LIST_SCRIPT,
    MAKE_SCRIPT,
    MOUNTED,
    UNMAKE_SCRIPT,
    HostFile,
    HostListing,
    archive,
    check_paths,
    difference,
    read_listing,
)

US = (os.geteuid(), os.getegid())


def _bash(script: str, home: Path, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["bash", "-c", script.replace(MOUNTED, str(home))], input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _listing(home: Path) -> HostListing:
    return read_listing(_bash(LIST_SCRIPT, home))


def _ship(home: Path, files: Mapping[str, HostFile]) -> tuple[str, ...]:
    change = difference(files, _listing(home).digests)
    after = read_listing(_bash(APPLY_SCRIPT, home, archive(files, change, "we")))
    assert difference(files, after.digests).paths == ()
    return change.paths


def _file(text: str, mode: int = 0o644) -> HostFile:
    return HostFile(content=text.encode(), mode=mode, owner=US)


def test_what_differs_is_written_and_what_no_longer_belongs_is_removed(tmp_path: Path) -> None:
    first = {"compose.yaml": _file("a"), "rendered/nodes/alpha/pg_hba.conf": _file("b"), "secrets/p": _file("c", 0o600)}
    assert _ship(tmp_path, first) == tuple(sorted(first))
    assert _ship(tmp_path, first) == ()
    second = {"compose.yaml": _file("a"), "rendered/new": _file("d"), "secrets/p": _file("c2", 0o600)}
    assert _ship(tmp_path, second) == ("rendered/new", "rendered/nodes/alpha/pg_hba.conf", "secrets/p")
    assert not (tmp_path / "rendered" / "nodes").exists()
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "secrets" / "p").stat().st_mode & 0o777 == 0o600


def test_another_mode_or_a_link_is_a_difference(tmp_path: Path) -> None:
    wanted = {"secrets/p": _file("c", 0o600), "rendered/x": _file("x")}
    _ship(tmp_path, wanted)
    (tmp_path / "secrets" / "p").chmod(0o644)
    (tmp_path / "rendered" / "x").unlink()
    (tmp_path / "rendered" / "x").symlink_to("/etc/passwd")
    (tmp_path / "rendered" / "stray").symlink_to("/etc/passwd")
    assert _ship(tmp_path, wanted) == ("rendered/stray", "rendered/x", "secrets/p")
    assert not (tmp_path / "rendered" / "x").is_symlink()
    assert (tmp_path / "rendered" / "x").read_text() == "x"


def test_data_and_what_the_user_put_there_is_never_touched(tmp_path: Path) -> None:
    for name in ("data/alpha/18", "notes", "rendered"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "data" / "alpha" / "18" / "PG_VERSION").write_text("18")
    _ship(tmp_path, {"compose.yaml": _file("a")})
    assert set(_listing(tmp_path).digests) == {"compose.yaml"}
    assert (tmp_path / "data" / "alpha" / "18" / "PG_VERSION").read_text() == "18"
    assert (tmp_path / "notes").is_dir()


def test_what_an_interruption_left_is_in_nobody_s_path(tmp_path: Path) -> None:
    (tmp_path / ".incoming" / "rendered").mkdir(parents=True)
    (tmp_path / ".incoming" / "rendered" / "half").write_text("ha")
    _ship(tmp_path, {"rendered/x": _file("x")})
    assert not (tmp_path / ".incoming").exists()
    assert not (tmp_path / "rendered" / "half").exists()


def test_a_home_is_made_once_and_not_in_somebody_else_s_directory(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".aside").mkdir()
    assert _bash(MAKE_SCRIPT, tmp_path, b"we") == b""
    assert _listing(tmp_path) == HostListing(claim="we", digests={})
    assert _bash(MAKE_SCRIPT, tmp_path, b"they") == b""
    assert (tmp_path / CLAIM).read_text() == "we"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "PG_VERSION").write_text("17")
    assert _bash(MAKE_SCRIPT, foreign, b"we").decode().split() == ["PG_VERSION"]
    assert not (foreign / CLAIM).exists()


def test_who_leaves_takes_all_but_the_data_which_is_moved_aside(tmp_path: Path) -> None:
    _bash(MAKE_SCRIPT, tmp_path, b"we")
    _ship(tmp_path, {"compose.yaml": _file("a"), "secrets/p": _file("c", 0o600), "rendered/x": _file("x")})
    (tmp_path / "data" / "alpha").mkdir(parents=True)
    (tmp_path / "data" / "alpha" / "PG_VERSION").write_text("18")
    left = _bash(LEAVE_SCRIPT.replace("$1", "keep").replace("$2", "then"), tmp_path)
    assert left.decode().strip() == ".aside/then"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".aside"]
    assert (tmp_path / ".aside" / "then" / "alpha" / "PG_VERSION").read_text() == "18"
    assert _bash(MAKE_SCRIPT, tmp_path, b"we") == b""
    assert _listing(tmp_path).claim == "we"


def test_a_home_that_was_made_for_nothing_is_unmade_and_one_that_is_used_is_not(tmp_path: Path) -> None:
    _bash(MAKE_SCRIPT, tmp_path, b"we")
    _bash(UNMAKE_SCRIPT, tmp_path)
    assert list(tmp_path.iterdir()) == []
    _bash(MAKE_SCRIPT, tmp_path, b"we")
    _ship(tmp_path, {"compose.yaml": _file("a")})
    _bash(UNMAKE_SCRIPT, tmp_path)
    assert (tmp_path / CLAIM).exists()


NAMES = st.sampled_from(["compose.yaml", "rendered/a", "rendered/b/c", "secrets/d"])


@given(
    st.dictionaries(NAMES, st.binary(max_size=3)),
    st.dictionaries(NAMES, st.binary(max_size=3)),
)
def test_after_the_difference_nothing_differs(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    wanted = {path: HostFile(content=content) for path, content in after.items()}
    there = {path: HostFile(content=content).digest for path, content in before.items()}
    change = difference(wanted, there)
    applied = {path: digest for path, digest in there.items() if path not in change.removed}
    applied |= {path: wanted[path].digest for path in change.written}
    assert applied == {path: file.digest for path, file in wanted.items()}
    assert set(change.paths) == {path for path in wanted.keys() | there.keys() if before.get(path) != after.get(path)}


@pytest.mark.parametrize(
    "path",
    ["data/alpha/x", "/etc/passwd", "rendered/../data/x", "secrets/a b", "secrets/a\nb", ".control", "secrets/", ".."],
)
def test_only_our_own_files_are_shipped(path: str) -> None:
    with pytest.raises(ValueError, match="not one of the files"):
        check_paths([path])
