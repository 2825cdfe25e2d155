"""The cluster as a service sees it, through mounted files."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.config.mounted import MountedConfig
from cluster.errors import MachineError, PodsError, RefusedError
from cluster.topology import Copy
from tests.fix_settings import settings_of, topology_of
from tests.unit.config_samples import mount, mounted

SETTINGS = settings_of(database="shopdb")
TOPOLOGY = topology_of(SETTINGS)


@pytest.fixture
def window(tmp_path: Path) -> MountedConfig:
    """A window on a cluster of two replicas."""
    return mounted(tmp_path, SETTINGS, TOPOLOGY)


def test_a_service_sees_what_was_rendered_for_it(window: MountedConfig) -> None:
    seen = window.read()
    assert (seen.settings, seen.topology) == (SETTINGS, TOPOLOGY)


def test_nothing_is_read_again_while_nothing_changed(window: MountedConfig) -> None:
    assert window.read() is window.read()


def test_a_replica_that_comes_is_seen_at_the_next_look(window: MountedConfig, tmp_path: Path) -> None:
    before = window.read()
    mount(tmp_path, SETTINGS, TOPOLOGY.add("blue"))
    assert "blue" in window.read().topology.names
    assert "blue" not in before.topology.names


def test_a_copy_beside_the_cluster_is_no_change_to_a_service(window: MountedConfig, tmp_path: Path) -> None:
    before = window.read()
    mount(tmp_path, SETTINGS, TOPOLOGY.with_copy(Copy(name="before", ordinal=4)))
    assert window.read() == before


def test_a_setting_that_changed_is_seen_at_the_next_look(window: MountedConfig, tmp_path: Path) -> None:
    window.read()
    changed = replace(SETTINGS, health_wait=9)
    mount(tmp_path, changed, TOPOLOGY)
    assert window.read().settings == changed


def test_the_environment_of_a_container_changes_nothing(window: MountedConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODS_DATABASE", "other")
    monkeypatch.setenv("PODS_NO_SUCH_SETTING", "1")
    assert window.read().settings == SETTINGS


def test_a_setting_of_a_newer_pods_stops_no_service(window: MountedConfig) -> None:
    with (window.root / ".env").open("a") as file:
        file.write("PODS_OF_TOMORROW=1\n")
    assert window.read().settings == SETTINGS


def test_a_node_is_reached_by_its_name_as_a_role_of_the_cluster(window: MountedConfig) -> None:
    access = window.read().node("replica1")
    assert (access.host, access.port, access.user, access.database) == ("replica1", 5432, "monitor", "postgres")
    assert (access.password, access.ca) == ("swordfish-and-more", window.ca)
    assert 0 < access.statement_timeout < 10
    assert access.connect_timeout == 2


def test_pgbouncer_is_asked_at_its_console_and_for_no_statement_timeout(window: MountedConfig) -> None:
    access = window.read().pooler()
    assert (access.host, access.port, access.user, access.database) == ("pgbouncer", 6432, "monitor", "pgbouncer")
    assert access.statement_timeout == 0


def test_a_password_that_changed_is_taken_up(window: MountedConfig) -> None:
    inside = window.read()
    (window.secrets / "monitor_password").write_text("another-password\n")
    assert inside.node("primary").password == "another-password"


def test_another_role_has_its_own_password(window: MountedConfig) -> None:
    (window.secrets / "replication_password").write_text("for-replication\n")
    access = window.read().node("primary", role="replicator", secret="replication")
    assert (access.user, access.password) == ("replicator", "for-replication")


@pytest.mark.parametrize("damage", ["missing", "binary"])
def test_a_secret_that_cannot_be_read_is_told_by_its_path_and_not_by_its_text(
    window: MountedConfig, damage: str
) -> None:
    path = window.secrets / "monitor_password"
    path.write_bytes(b"swordfish\xff")
    if damage == "missing":
        path.unlink()
    with pytest.raises(MachineError, match=f"the secret {path} cannot be read") as refusal:
        window.read().node("primary")
    assert "swordfish" not in str(refusal.value)


def test_without_files_there_is_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="there is no topology"):
        MountedConfig(root=tmp_path).read()


@pytest.mark.parametrize(
    ("file", "text"), [("topology.json", "{"), (".env", "PODS_REPLICAS=many\n"), (".env", "PODS_REPLICAS\n")]
)
def test_a_broken_file_is_told_and_once_it_is_whole_seen(
    window: MountedConfig, tmp_path: Path, file: str, text: str
) -> None:
    window.read()
    (window.root / file).write_text(text)
    for _ in range(2):
        with pytest.raises(PodsError):
            window.read()
    assert sorted(path.name for path in window.root.iterdir()) == [".env", "databases.json", "topology.json"]
    mount(tmp_path, SETTINGS, TOPOLOGY)
    assert window.read().topology == TOPOLOGY


def test_files_that_went_away_are_missed(window: MountedConfig) -> None:
    window.read()
    shutil.rmtree(window.root)
    with pytest.raises(RefusedError):
        window.read()
