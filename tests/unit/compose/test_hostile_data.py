"""What a container put into its own data leads the host nowhere: the review's primitives, and variants of them.

A container owns what is mounted into it, and may leave there links to any path of the host. Each test plants one, does
what `up`, a restore, a clone or a discard does, and finds that what the link leads to is as it was.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.errors import RefusedError
from cluster.files import Directory
from cluster.postgres.data_directory import PGDATA, holds_data, read_data_directory
from compose.console import Console
from compose.home import node_data
from compose.home.paths import (
    Home,
    make_copies_directory,
    make_private_directory,
    make_service_directories,
    own_disks,
    read_backup_state,
    service_directories,
    service_user,
)
from compose.home.store_directory import make_store_directory
from compose.operations import preflight
from compose.operations.copies import lifecycle
from compose.operations.copies import prepare_data as copies_data
from compose.operations.down import _purge
from compose.operations.replicas.clone import move_data
from compose.report.status import read_backups
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of

SETTINGS = settings_of()
TOPOLOGY = topology_of(SETTINGS)
KEPT = "replica1-20260101T000000000000Z"


@pytest.fixture
def home(bare_home: Home) -> Home:
    """A home with data/, and a whole data directory in two nodes."""
    for name in ("primary", "replica1"):
        _data(bare_home.node(name))
    return bare_home


def _data(directory: Path) -> None:
    (directory / PGDATA / "global").mkdir(parents=True)
    (directory / PGDATA / "PG_VERSION").write_text("18\n")
    (directory / PGDATA / "global" / "pg_control").write_bytes(b"\0" * 8192)
    (directory / PGDATA / "standby.signal").touch()
    if os.geteuid() == 0:
        for path in (directory, directory / "18", directory / PGDATA):
            os.chown(path, *service_user())


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """Somebody else's directory, with one in it that is called as PostgreSQL's is; afterwards it must be untouched."""
    path = tmp_path / "varlib"
    _data(path)
    for directory in (path, path / "18"):
        os.chown(directory, os.geteuid(), os.getegid())
    (path / "docker").mkdir()
    (path / "shadow").write_text("root:*:1::::::\n")
    before = _picture(path)
    yield path
    assert _picture(path) == before


def _picture(path: Path) -> list[tuple[str, int, int, int]]:
    found = [path, *sorted(path.rglob("*"))]
    return [(str(each), each.lstat().st_mode, each.lstat().st_uid, each.lstat().st_size) for each in found]


def _stack(home: Home, copies: tuple[str, ...] = ()) -> Stack:
    topology = TOPOLOGY
    for name in copies:
        topology = topology.with_copy(topology.new_copy(name, writable=True))
    return Stack(home, SETTINGS, topology)


def _make_directories(home: Home, services: tuple[str, ...]) -> None:
    """As `up` does."""
    make_service_directories(home, services)
    make_store_directory(home, SETTINGS)


@pytest.mark.parametrize("link", ["backup/state", "backup", ".state", ".gate", ".disk", "backups", "prometheus"])
def test_up_gives_no_directory_away_through_a_link(home: Home, victim: Path, link: str) -> None:
    """Primitive 1: data/backup/state was a link, and what it led to was the containers' afterwards."""
    spot = home.data / link
    spot.parent.mkdir(exist_ok=True)
    spot.symlink_to(victim)
    services = ("backup", "gate", "prometheus")
    if os.geteuid() == 0 and link != "backup/state":
        with pytest.raises(RefusedError, match=f"{link} is a link"):
            _make_directories(home, services)
    else:
        _make_directories(home, services)
    assert not (home.data / ".state").is_symlink() or link == ".state"


def test_the_state_of_the_backup_service_moves_out_of_its_own_directory_and_is_kept(home: Home) -> None:
    before = home.data / "backup" / "state"
    before.mkdir(parents=True)
    (before / "status.json").write_text('{"last_backup": "b1"}')
    make_service_directories(home, ("backup",))
    assert read_backup_state(home, "status.json") == '{"last_backup": "b1"}'
    assert not before.exists()
    before.mkdir()  # the service of before, until it is replaced
    (before / "status.json").write_text("{}")
    make_service_directories(home, ("backup",))
    assert read_backup_state(home, "status.json") == '{"last_backup": "b1"}'
    assert not before.exists()
    assert home.data / ".state" in service_directories(home)


@pytest.mark.parametrize("name", ["status.json"])
@pytest.mark.parametrize("planted", ["link", "pipe", "directory"])
def test_status_reads_nothing_but_the_service_s_own_words(home: Home, victim: Path, name: str, planted: str) -> None:
    make_service_directories(home, ("backup",))
    path = home.data / ".state" / name
    if planted == "link":
        path.symlink_to(victim / "shadow")
    elif planted == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(RefusedError, match=f"{name} is a link, or not"):
        read_backup_state(home, name)
    assert read_backups(_stack(home)) is None


@pytest.mark.parametrize("temporary", [".postgresql.auto.conf.new", ".standby.signal.new", "postgresql.auto.conf"])
def test_no_file_is_written_through_what_a_restore_left(home: Home, victim: Path, temporary: str) -> None:
    """Primitive 2: a link at the temporary's name, and the text went where it led."""
    copy = home.unfinished_copy("blue")
    _data(copy)
    if temporary != "postgresql.auto.conf":
        (copy / PGDATA / "postgresql.auto.conf").write_text("allow_in_place_tablespaces=on; touch /tmp/x\nport = 1\n")
    (copy / PGDATA / temporary).symlink_to(victim / "shadow")
    with Directory.open(copy) as directory:
        if temporary == "postgresql.auto.conf":
            with pytest.raises(RefusedError, match="is a link, or not"):
                copies_data._configure(directory, {})
            return
        copies_data._configure(directory, {"max_connections": "100"})
        copies_data._write(directory, "standby.signal", "")
    written = copy / PGDATA / "postgresql.auto.conf"
    assert written.read_text() == "allow_in_place_tablespaces = on\nmax_connections = 100\n"
    assert not written.is_symlink()


@pytest.mark.parametrize("component", ["18", "18/docker"])
def test_no_directory_of_somebody_else_s_is_moved_as_if_it_were_data(home: Home, victim: Path, component: str) -> None:
    """Primitive 3: `18` was a link, and whatever was called `docker` behind it was moved to data/.aside."""
    for directory in (home.node("replica1"), home.copy("blue"), home.node("primary")):
        _relink(directory, component, victim)
    stack, kept = _stack(home), home.aside / KEPT
    deeds: list[Callable[[], object]] = [
        lambda: move_data(stack, "replica1", kept),
        lambda: lifecycle._set_aside(stack, "blue"),
        lambda: node_data.present(home.node("replica1")),
        lambda: node_data.put_in(victim, home.node("primary")),
        lambda: node_data.put_out(home.node("primary"), home.data, "displaced"),
        lambda: read_data_directory(home.node("replica1")),
        lambda: preflight.check_data(home, TOPOLOGY),
    ]
    for deed in deeds:
        with pytest.raises(RefusedError, match=r"is a link, or not|belongs to"):
            deed()
    assert not kept.exists()
    assert not (home.data / "displaced").exists()


def _relink(directory: Path, component: str, victim: Path) -> None:
    spot = directory / component
    spot.parent.mkdir(parents=True, exist_ok=True)
    if spot.exists():
        spot.rename(directory / "away")
    spot.symlink_to(victim / "docker" if component == "18/docker" else victim)


@pytest.mark.parametrize("component", ["18", "18/docker", "18/.new"])
def test_nothing_is_removed_behind_a_link(home: Home, victim: Path, component: str) -> None:
    directory = home.node("replica1")
    _relink(directory, component, victim)
    for deed in (node_data.remove_contents, node_data.remove_empty):
        with contextlib.suppress(RefusedError):
            deed(directory)
    node_data.remove(directory)
    assert not directory.exists()


def test_a_purge_takes_links_away_and_not_what_they_lead_to(
    home: Home, victim: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _make_directories(home, ("backup", "gate", "prometheus"))
    for directory in (home.node("primary"), home.data / "backup", home.copies / "blue", home.aside / KEPT):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "link").symlink_to(victim)
        (directory / "deep").mkdir()
        (directory / "deep" / "link").symlink_to(victim / "shadow")
    home.secrets.mkdir()
    (home.secrets / "link").symlink_to(victim)
    _purge(home, SETTINGS, TOPOLOGY, Console())
    left = sorted(path.name for path in home.data.iterdir())
    assert left == ["backups"]
    assert not home.secrets.exists()


def test_tidying_up_after_copies_follows_no_link(home: Home, victim: Path) -> None:
    make_copies_directory(home)
    (home.copies / ".half").mkdir()
    (home.copies / ".half" / "18").symlink_to(victim)
    (home.copies / ".whole").symlink_to(victim)
    lifecycle.tidy(_stack(home), Console())
    assert list(home.copies.iterdir()) == []


def test_a_finished_copy_takes_its_place_only_if_it_is_a_directory(home: Home, victim: Path) -> None:
    make_copies_directory(home)
    home.unfinished_copy("blue").symlink_to(victim)
    with pytest.raises(RefusedError, match="is a link, or not"):
        lifecycle.install(_stack(home, ("blue",)), "blue")


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives away")
def test_the_directory_of_copies_is_ours_though_it_was_the_containers(home: Home) -> None:
    home.copies.mkdir()
    os.chown(home.copies, *service_user())
    make_copies_directory(home)
    assert home.copies.stat().st_uid == os.geteuid()


def test_data_on_another_disk_by_a_link_of_the_user_s_works_as_before(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "disk" / "replica2"
    _data(other)
    home.node("replica2").symlink_to(other)
    make_private_directory(home.node("replica2"))
    assert holds_data(home.node("replica2"))
    assert node_data.present(home.node("replica2"))
    assert own_disks(home) == ()  # the same disk here
    node_data.set_aside(home, home.node("replica2"), home.aside / KEPT)
    assert not (other / PGDATA).exists()
    node_data.put_back(home.aside / KEPT, home.node("replica2"))
    assert (other / PGDATA / "PG_VERSION").exists()
    (other / "of-somebody-else").mkdir()
    (other / "fast" / "PG_18_202506291").mkdir(parents=True)
    assert node_data.remove_server(home.node("replica2")) == [home.node("replica2")]
    assert ([path.name for path in other.iterdir()], home.node("replica2").is_symlink()) == (["of-somebody-else"], True)
    node_data.remove(home.node("replica2"))
    assert (other.exists(), home.node("replica2").is_symlink()) == (True, False)


def test_what_was_set_aside_comes_back_unless_there_is_other_data(home: Home) -> None:
    kept = home.aside / KEPT
    node_data.put_back(kept, home.node("replica1"))  # nothing was
    node_data.set_aside(home, home.node("replica1"), kept)
    assert not node_data.present(home.node("replica1"))
    node_data.put_back(kept, home.node("replica1"))
    assert (node_data.present(home.node("replica1")), kept.exists()) == (True, False)
    node_data.set_aside(home, home.node("replica1"), kept)
    _data_again = home.node("replica1") / PGDATA
    _data_again.mkdir()
    node_data.put_back(kept, home.node("replica1"))
    assert kept.exists()


def test_a_bomb_instead_of_a_control_file_is_not_read_into_memory(home: Home) -> None:
    with (home.node("replica1") / PGDATA / "global" / "pg_control").open("wb") as bomb:
        bomb.truncate(1 << 40)
    began = time.monotonic()
    with pytest.raises(RefusedError, match="larger than"):
        read_data_directory(home.node("replica1"))
    assert time.monotonic() - began < 2
