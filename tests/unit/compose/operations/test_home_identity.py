import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from cluster.errors import RefusedError
from cluster.topology import Topology
from cluster.topology_file import save
from compose.engine.containers import Container
from compose.home.paths import Home
from compose.operations import home_identity
from compose.operations.home_identity import moved_from, refuse_elsewhere, refuse_lost, renders_another
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of

if TYPE_CHECKING:
    from docker import DockerClient

NO_ENGINE = cast("DockerClient", None)
TOPOLOGY = topology_of(settings_of())
NEW = replace(TOPOLOGY, system_identifier="")


def _container(directory: Path | str, status: str = "exited", *, one_off: bool = False) -> Container:
    return Container(
        service="primary",
        name="pods-primary-1",
        id="0123",
        status=status,
        health="",
        exit_code=0,
        restarts=0,
        oom_killed=False,
        started=datetime.now(UTC),
        definition="",
        one_off=one_off,
        directory=str(directory),
    )


def _moved_from(home: Home, found: list[Container], topology: Topology | None = TOPOLOGY) -> str:
    return moved_from(NO_ENGINE, home, "pods", topology, found)


@pytest.fixture
def home(bare_home: Home) -> Home:
    """A home with a topology and a primary's directory."""
    home = Home(bare_home.path / "here")
    home.node("primary").mkdir(parents=True)
    save(home.topology, home.topology_copy, TOPOLOGY)
    return home


def test_our_own_containers_and_those_of_unknown_origin_are_no_other_cluster(home: Home) -> None:
    by_another_name = home.path.parent / "link"
    by_another_name.symlink_to(home.path)
    assert _moved_from(home, [_container(home.path), _container(""), _container(by_another_name)]) == ""


@pytest.mark.parametrize("topology", [TOPOLOGY, NEW, None])
def test_a_copied_home_is_not_the_cluster_that_it_was_copied_from(home: Home, topology: Topology | None) -> None:
    copy = Home(home.path.parent / "copy")
    shutil.copytree(home.path, copy.path)
    with pytest.raises(RefusedError) as refusal:
        _moved_from(copy, [_container(copy.path), _container(home.path)], topology)
    assert f"'pods' runs from {home.path} already" in refusal.value.message
    assert "PODS_PROJECT" in refusal.value.hint


def test_a_home_that_was_renamed_keeps_its_stopped_containers(home: Home) -> None:
    after = Home(home.path.rename(home.path.parent / "there"))
    assert _moved_from(after, [_container(home.path)]) == str(home.path)
    home.path.mkdir()  # an empty directory of the old name is no other cluster
    assert _moved_from(after, [_container(home.path)]) == str(home.path)


@pytest.mark.parametrize("same", [True, False])
def test_what_runs_must_have_the_data_of_the_renamed_home(
    home: Home, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    after = Home(home.path.rename(home.path.parent / "there"))
    found = after.node("primary").stat()
    mounted = (found.st_dev, found.st_ino + (not same))
    monkeypatch.setattr(home_identity, "mounted_inode", lambda client, container, path: mounted)
    if same:
        assert _moved_from(after, [_container(home.path, "running")]) == str(home.path)
        return
    with pytest.raises(RefusedError, match="is not this home's") as refusal:
        _moved_from(after, [_container(home.path, "running")])
    assert "docker rm --force pods-primary-1" in refusal.value.hint


@pytest.mark.parametrize("topology", [NEW, None])
def test_a_home_that_never_had_data_takes_no_containers_over(bare_home: Home, topology: Topology | None) -> None:
    with pytest.raises(RefusedError, match="made from /elsewhere, which is not there") as refusal:
        _moved_from(bare_home, [_container("/elsewhere")], topology)
    assert "not mounted" in refusal.value.hint
    assert "docker rm --force pods-primary-1" in refusal.value.hint


def test_a_new_home_has_nothing_that_says_there_was_a_cluster(bare_home: Home) -> None:
    bare_home.data.mkdir()
    bare_home.secrets.mkdir()
    (bare_home.secrets / "backup_key").touch()
    (bare_home.secrets / "app_password").touch()
    refuse_lost(bare_home, "pods", [_container(bare_home.path, one_off=True)], secrets=True)


@pytest.mark.parametrize("trace", ["containers", "copy", "secrets"])
def test_no_empty_cluster_is_made_where_there_was_one(home: Home, trace: str) -> None:
    shutil.rmtree(home.data)  # its disk is not mounted
    home.data.mkdir()
    found = [_container(home.path)] if trace == "containers" else []
    if trace != "copy":
        shutil.rmtree(home.rendered)
    if trace == "secrets":
        home.tls.mkdir(parents=True)
        for path in (home.secrets / "superuser_password", home.tls / "ca.key"):
            path.touch()
    with pytest.raises(
        RefusedError, match=r"there was a cluster called 'pods' in .*topology.json is missing"
    ) as refusal:
        refuse_lost(home, "pods", found, secrets=True)
    assert "not mounted" in refusal.value.hint
    assert os.listdir(home.data) == []  # noqa: PTH208 - nothing was made


def test_who_restores_a_cluster_may_have_kept_its_secrets(bare_home: Home) -> None:
    bare_home.tls.mkdir(parents=True)
    for path in (bare_home.secrets / "superuser_password", bare_home.tls / "ca.key"):
        path.touch()
    refuse_lost(bare_home, "pods", [], secrets=False)


@pytest.mark.parametrize(
    ("text", "another"),
    [
        ("    image: pods/services:abc\n", False),
        ("    image: pods/services:a17\n", True),
        ("    image: pods/services:abcd\n", True),
        ("    image: pods/postgres:a17\n", False),
        ("    image: pods/services:a17\n    image: pods/services:abc\n", False),
    ],
)
def test_code_that_changed_since_the_file_was_rendered_is_known_by_its_images(text: str, another: bool) -> None:
    assert renders_another(text, "pods/services:abc") is another


@pytest.mark.parametrize("operation", ["replica.add", "replica.remove", "replica.pool", "replica.sync"])
def test_what_is_for_nodes_here_says_what_to_do_on_hosts(home: Home, operation: str) -> None:
    here = Stack(home, settings_of(), TOPOLOGY)
    refuse_elsewhere(here, operation)
    there = replace(here, topology=replace(TOPOLOGY, engine="patroni"))
    refuse_elsewhere(there, "database.add")
    with pytest.raises(RefusedError, match="where Patroni decides") as caught:
        refuse_elsewhere(there, operation)
    assert caught.value.hint


def test_a_superuser_crosses_no_network(home: Home) -> None:
    there = Stack(home, settings_of(), replace(TOPOLOGY, engine="patroni"))
    with pytest.raises(RefusedError, match="over the network"):
        there.superuser("primary")
    access = replace(there, superuser_socket=home.path).superuser("primary")
    assert access.peer
    assert access.password == ""
    assert access.host == str(home.path)
