import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.errors import RefusedError
from cluster.postgres.data_directory import PGDATA
from compose.console import Console
from compose.home import node_data
from compose.home.paths import Home
from compose.operations.down import _purge
from tests.fix_settings import settings_of, topology_of

Mount = Callable[[Path], Path]
TOPOLOGY = topology_of(settings_of())


@pytest.fixture
def home(bare_home: Home) -> Home:
    """A home with a data directory in a node."""
    (bare_home.node("replica1") / PGDATA / "global").mkdir(parents=True)
    (bare_home.node("replica1") / PGDATA / "PG_VERSION").write_text("18\n")
    return bare_home


def _with_data(directory: Path) -> Path:
    (directory / PGDATA / "global").mkdir(parents=True)
    (directory / PGDATA / "PG_VERSION").write_text("18\n")
    return directory


def _goes_and_comes(home: Home, directory: Path, kept: Path) -> None:
    node_data.set_aside(home, directory, kept)
    assert not node_data.present(directory)
    assert (kept / "PG_VERSION").read_text() == "18\n"
    node_data.put_back(kept, directory)
    assert (node_data.present(directory), kept.exists()) == (True, False)


def test_replaced_data_waits_in_data_aside(home: Home) -> None:
    assert node_data.beside(home, home.node("replica1"), ".aside") == home.aside
    assert node_data.beside(home, home.node("replica9"), ".aside") == home.aside
    _goes_and_comes(home, home.node("replica1"), home.aside / "replica1-1")
    assert [path.name for path in home.node("replica1").iterdir()] == ["18"]
    assert [path.name for path in (home.node("replica1") / "18").iterdir()] == ["docker"]


@pytest.mark.parametrize(("mount", "aside"), [("", ".aside"), ("18", "18/.aside")])
def test_data_on_a_file_system_of_its_own_stays_there(bare_home: Home, mounted: Mount, mount: str, aside: str) -> None:
    directory = bare_home.node("replica1")
    mounted(directory / mount)
    _with_data(directory)
    found = node_data.beside(bare_home, directory, ".aside")
    assert found == directory / aside
    _goes_and_comes(bare_home, directory, found / "replica1-1")


@pytest.mark.parametrize("link", [False, True])
def test_where_replaced_data_waits_may_be_elsewhere(home: Home, mounted: Mount, tmp_path: Path, link: bool) -> None:
    if link:
        home.aside.symlink_to(mounted(tmp_path / "disk"))
    else:
        mounted(home.aside)
    assert node_data.beside(home, home.node("replica1"), ".aside") == home.node("replica1") / ".aside"


def test_a_link_to_another_disk_is_what_it_leads_to(bare_home: Home, mounted: Mount, tmp_path: Path) -> None:
    directory = bare_home.node("replica1")
    directory.parent.mkdir()
    directory.symlink_to(_with_data(mounted(tmp_path / "disk")))
    found = node_data.beside(bare_home, directory, ".aside")
    assert found == directory / ".aside"
    _goes_and_comes(bare_home, directory, found / "replica1-1")


def test_data_that_is_itself_a_mount_point_is_refused_before_anything_is_touched(
    bare_home: Home, mounted: Mount
) -> None:
    mounted(bare_home.node("replica1") / PGDATA)
    with pytest.raises(RefusedError, match=r"18/docker is a mount point"):
        node_data.beside(bare_home, bare_home.node("replica1"), ".aside")


def test_a_restore_is_made_on_the_disk_that_it_is_for(bare_home: Home, mounted: Mount) -> None:
    directory = mounted(bare_home.node("primary"))
    (directory / "lost+found").mkdir()
    staging = node_data.beside(bare_home, directory, node_data.STAGING)
    _with_data(staging)
    node_data.put_in(staging, directory)
    assert node_data.present(directory)
    assert node_data.remove(staging) == []
    assert sorted(path.name for path in directory.iterdir()) == ["18", "lost+found"]


def test_a_purge_empties_what_is_mounted_and_linked_goes_on_and_says_it(
    bare_home: Home, mounted: Mount, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = bare_home
    _with_data(mounted(home.node("primary")))
    (home.node("primary") / ".aside" / "primary-1").mkdir(parents=True)
    other = _with_data(tmp_path / "disk")
    home.node("replica1").symlink_to(other)
    _with_data(home.node("replica2"))
    (home.data / "prometheus").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (mounted(home.rendered) / "file").touch()
    (mounted(home.secrets) / "password").touch()
    _purge(home, settings_of(), TOPOLOGY, Console())
    left = {str(path.relative_to(home.path)) for path in home.path.rglob("*") if tmp_path / "disk" not in path.parents}
    assert left - {"disk", "elsewhere"} == {"data", "data/primary", "data/replica1", "rendered", "secrets"}
    assert os.listdir(other) == []  # noqa: PTH208
    said = capsys.readouterr()
    assert "data/primary" in said.out + said.err
    assert f"prometheus led to {tmp_path / 'elsewhere'}" in said.out + said.err
