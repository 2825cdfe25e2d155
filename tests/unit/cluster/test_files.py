"""Whole files, and work in directories that somebody else may write to; the somebody is played by the test."""

import contextlib
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.errors import RefusedError
from cluster.files import Directory, replace_file, sync_directory, write_atomically


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Directory]:
    """A directory of the host's, with another that a container may write and one that nobody may touch."""
    (tmp_path / "home" / "node" / "18" / "docker").mkdir(parents=True)
    (tmp_path / "victim" / "docker" / "global").mkdir(parents=True)
    (tmp_path / "victim" / "file").write_text("theirs")
    with Directory.open(tmp_path / "home") as home:
        yield home


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """What links lead to; it is as before whatever was done."""
    path = tmp_path / "victim"

    def picture() -> list[tuple[str, int, int, str]]:
        found = sorted([path, *path.rglob("*")])
        texts = [each.read_text() if each.is_file() else "" for each in found]
        return [(str(p), p.stat().st_mode, p.stat().st_uid, t) for p, t in zip(found, texts, strict=True)]

    (path / "docker" / "global").mkdir(parents=True, exist_ok=True)
    before = picture()
    yield path
    assert picture() == before


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "file"
    write_atomically(path, "a long first text\n", 0o600)
    first = path.stat().st_ino
    write_atomically(path, "second\n", 0o644)
    assert path.read_text() == "second\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.stat().st_ino != first
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666])
def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path, mode: int, narrow_umask: None) -> None:
    write_atomically(tmp_path / "file", "x", mode)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_a_reader_keeps_the_old_file_it_has_open(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    with path.open() as reader:
        write_atomically(path, "new")
        assert reader.read() == "old"


UNWRITABLE = "half a text \udc80"
"""Encoding fails at its end."""


def test_the_old_content_survives_a_failure_while_writing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, UNWRITABLE)
    assert path.read_text() == "old"


def test_a_failure_while_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "file", UNWRITABLE)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_in_nobodys_way_and_goes_after_a_while(tmp_path: Path) -> None:
    path, left = tmp_path / "file", (tmp_path / ".file.new", tmp_path / ".file.0123.new")
    for each in left:
        each.write_text("half a much longer text than the next one")
    write_atomically(path, "whole", 0o600)
    assert path.read_text() == "whole"
    for each in left:
        os.utime(each, (0, 0))
    (tmp_path / ".other.new").write_text("of another file")
    write_atomically(path, "again", 0o600)
    assert sorted(tmp_path.iterdir()) == [tmp_path / ".other.new", path]


def test_a_file_that_is_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "file").symlink_to(victim / "file")
    write_atomically(tmp_path / "file", "ours")
    assert (tmp_path / "file").read_text() == "ours"
    assert not (tmp_path / "file").is_symlink()


def test_no_name_of_a_temporary_can_be_foreseen(tmp_path: Path, victim: Path) -> None:
    """Appendix D of the review: postgresql.auto.conf was written through a link at its temporary's name."""
    for name in (".file.new", ".file.tmp", ".file.", f".file.{os.getpid()}.new"):
        (tmp_path / name).symlink_to(victim / "file")
    write_atomically(tmp_path / "file", "ours", 0o600)
    assert (tmp_path / "file").read_text() == "ours"


DEEDS = {
    "enter": lambda home, name: home.enter(name).close(),
    "make": lambda home, name: home.make(name, 0o700, (os.geteuid(), os.getegid())).close(),
    "make deeper": lambda home, name: home.make(f"{name}/new", 0o700, None).close(),
    "holds": lambda home, name: home.holds(name),
    "read": lambda home, name: home.read(f"{name}/file"),
    "write": lambda home, name: home.write(f"{name}/new", "ours"),
    "overwrite": lambda home, name: home.write(f"{name}/file", "ours"),
    "stat": lambda home, name: home.stat(f"{name}/file"),
    "move from": lambda home, name: home.move(f"{name}/docker", home, "stolen"),
    "move": lambda home, name: home.move(name, home, "stolen"),
    "move to": lambda home, name: home.move("node/moves", home, f"{name}/moved"),
    "unlink": lambda home, name: home.unlink(f"{name}/file"),
    "remove_empty": lambda home, name: home.remove_empty(f"{name}/docker/global"),
    "remove_tree": lambda home, name: home.remove_tree(f"{name}/docker"),
}
"""Everything that can be done to what is below a directory of somebody else's."""


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("link", ["node", "node/18", "node/18/docker"])
@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
def test_nothing_is_done_through_a_link_at_any_component(
    home: Directory, victim: Path, link: str, deed: str, absolute: bool
) -> None:
    spot = home.path / link
    spot.rename(home.path / "away")
    spot.symlink_to(victim if absolute else os.path.relpath(victim, spot.parent))
    if link != "node":
        (home.path / "node" / "moves").mkdir()
    with pytest.raises(RefusedError, match=f"{link} is a link"):
        DEEDS[deed](home, link)
    assert not (home.path / "stolen").is_symlink()


@pytest.mark.parametrize("made", ["pipe", "socket", "directory", "link", "dangling", "loop"])
def test_only_a_regular_file_is_read_and_nobody_is_waited_for(home: Directory, victim: Path, made: str) -> None:
    spot = home.path / "node" / "state.json"
    _strange(spot, made, victim)
    began = time.monotonic()
    with pytest.raises(RefusedError, match=r"state\.json is a link, or not of the kind"):
        home.read("node/state.json")
    assert time.monotonic() - began < 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_not_read(home: Directory) -> None:
    os.mknod(home.path / "node" / "zero", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    with pytest.raises(RefusedError, match="zero is a link, or not"):
        home.read("node/zero")


@pytest.mark.parametrize("made", ["pipe", "socket", "link", "dangling", "loop"])
def test_what_is_no_directory_is_never_entered_moved_or_taken_for_one(home: Directory, victim: Path, made: str) -> None:
    _strange(home.path / "node" / "18" / "strange", made, victim)
    for deed in ("enter", "make", "make deeper", "holds", "move"):
        with pytest.raises(RefusedError, match="strange is a link, or not"):
            DEEDS[deed](home, "node/18/strange")
    home.remove_tree("node/18/strange")
    assert home.stat("node/18/strange") is None


def _strange(spot: Path, made: str, victim: Path) -> None:
    if made == "pipe":
        os.mkfifo(spot)
    elif made == "socket":
        os.mknod(spot, 0o600 | stat.S_IFSOCK)
    elif made == "directory":
        spot.mkdir()
    else:
        spot.symlink_to({"link": victim, "dangling": victim / "nothing", "loop": spot}[made])


def test_what_is_larger_than_anything_of_ours_is_not_read_into_memory(home: Directory) -> None:
    with (home.path / "node" / "bomb").open("wb") as bomb:
        bomb.truncate(1 << 40)
    with pytest.raises(RefusedError, match="larger than 1048576 bytes"):
        home.read("node/bomb")


@pytest.mark.parametrize("name", ["", ".", "/etc", "..", "node/../..", "node/../../victim"])
def test_a_name_that_leads_out_is_an_error_of_ours(home: Directory, name: str) -> None:
    with pytest.raises(ValueError, match="no name below"):
        home.stat(name)


def test_a_missing_file_is_named_whole(home: Directory) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        home.read("node/18/docker/PG_VERSION")
    assert missing.value.filename == str(home.path / "node/18/docker/PG_VERSION")
    with pytest.raises(FileNotFoundError) as missing:
        home.read("node/17/docker/PG_VERSION")
    assert missing.value.filename == str(home.path / "node/17")
    assert home.stat("node/17/docker/PG_VERSION") is None
    assert not home.holds("node/17/docker")


def test_a_directory_is_made_with_those_above_it_and_given_away(home: Directory) -> None:
    owner = (12345, 12345) if os.geteuid() == 0 else None
    with home.make("node/a/b", 0o700, owner):
        pass
    made = (home.path / "node/a/b").stat()
    assert stat.S_IMODE(made.st_mode) == 0o700
    assert made.st_uid == (12345 if owner else os.geteuid())
    assert (home.path / "node/a").stat().st_uid == os.geteuid()
    with home.make("node/a/b", 0o755, owner):  # there already
        pass
    assert stat.S_IMODE((home.path / "node/a/b").stat().st_mode) == 0o700


def test_a_tree_is_removed_however_deep_it_is_and_no_link_in_it_is_followed(home: Directory, victim: Path) -> None:
    top = home.path / "node" / "18" / "docker"
    (top / "link").symlink_to(victim)
    (top / "file-link").symlink_to(victim / "file")
    os.mkfifo(top / "pipe")
    (top / "base" / "1").mkdir(parents=True)
    (top / "base" / "1" / "link").symlink_to(victim)
    with Directory.open(top) as folder:
        _deep(folder, 3000)
    assert home.remove_tree("node/18/docker") == []
    assert home.remove_tree("node/18/docker") == []
    assert home.path.joinpath("node", "18").exists()
    assert list(home.path.joinpath("node", "18").iterdir()) == []


@pytest.mark.parametrize("mount", ["node", "node/18", "node/18/docker/base", "node/18/docker/fast"])
def test_of_a_tree_with_a_mount_point_in_it_that_alone_is_left_and_empty(
    home: Directory, mounted: Callable[[Path], Path], mount: str
) -> None:
    for name in ("node/18/docker/base", "node/18/docker/fast"):
        (home.path / name).mkdir(parents=True, exist_ok=True)
    point = mounted(home.path / mount)
    (point / "lost+found").mkdir()
    (point / "deep" / "deeper").mkdir(parents=True)
    (point / "deep" / "file").touch()
    assert home.remove_tree("node") == [point]
    assert [path for path in (home.path / "node").rglob("*") if path not in point.parents] == [
        *([point] if mount != "node" else []),
        point / "lost+found",
    ]
    assert home.remove_tree("node") == [point]


def _deep(folder: Directory, levels: int) -> None:
    """Deeper than Python recurses, and than a path is long."""
    held = os.dup(folder._fd)
    for _ in range(levels):
        os.mkdir("d", dir_fd=held)
        inner = os.open("d", os.O_RDONLY, dir_fd=held)
        os.close(held)
        held = inner
    os.close(held)


def test_a_directory_moves_with_all_it_has(home: Directory) -> None:
    (home.path / "node/18/docker/PG_VERSION").write_text("18\n")
    with home.make(".aside") as aside:
        home.move("node/18/docker", aside, "node-1")
    assert home.read(".aside/node-1/PG_VERSION") == b"18\n"
    assert not home.holds("node/18/docker")
    assert not home.remove_empty(".aside")
    assert home.remove_empty("node/18")
    assert home.remove_empty("node/18")


class Racer:
    """A container that swaps a directory for a link and back, as fast as it can, until the body ends."""

    def __init__(self, spot: Path, target: Path) -> None:
        self.spot, self.target, self.ended, self.swaps = spot, target, threading.Event(), 0
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self) -> "Racer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join(10)

    def run(self) -> None:
        away = self.spot.with_name("away")
        while not self.ended.is_set():
            try:
                self.spot.rename(away)
                self.spot.symlink_to(self.target)
                self.swaps += 1
                self.spot.unlink()
                away.rename(self.spot)
            except OSError:  # the host was there in between
                with contextlib.suppress(OSError):
                    self.spot.unlink()
                shutil.rmtree(away, ignore_errors=True)
                self.spot.mkdir(exist_ok=True)


@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed not in ("move to",)])
def test_a_directory_that_becomes_a_link_between_check_and_use_is_not_followed(
    home: Directory, victim: Path, deed: str
) -> None:
    name = "node/18"
    ends = time.monotonic() + 0.2
    with Racer(home.path / name, victim) as racer:
        while time.monotonic() < ends or (racer.swaps <= 3 and time.monotonic() < ends + 10):  # a busy machine
            with contextlib.suppress(RefusedError, OSError):
                DEEDS[deed](home, name)
            found = home.path / "stolen"
            assert not found.is_symlink()
            if found.exists():
                home.remove_tree("stolen")
    assert racer.swaps > 3


def test_a_file_is_replaced_whole_also_without_a_sync(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_file(path, "old", 0o644)
    replace_file(path, b"new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["state.json"]  # noqa: PTH208 - hidden ones too


def test_a_directory_that_is_gone_needs_no_sync(tmp_path: Path) -> None:
    sync_directory(tmp_path)
    sync_directory(tmp_path / "gone", missing_ok=True)
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "gone")
