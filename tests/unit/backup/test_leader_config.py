"""Whom the backup service takes for the primary where Patroni decides."""

from dataclasses import replace
from pathlib import Path

import pytest

from backup.service import leader_config
from backup.service.leader_config import LeaderConfig
from cluster.config.mounted import ClusterConfig
from cluster.topology import Node, Topology
from tests.fix_settings import settings_of, topology_of
from tests.unit.config_samples import mounted

NAMES = ("alpha", "beta", "gamma")
MOVED = replace(
    topology_of(settings_of()),
    nodes=tuple(Node(name=name, ordinal=at, host=name) for at, name in enumerate(NAMES, 1)),
    primary="alpha",
    engine="patroni",
)


@pytest.fixture
def leads(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Who takes writes; every reading asks anew."""
    found = {"alpha"}
    monkeypatch.setattr(leader_config, "_takes_writes", lambda inside, name: name in found)
    monkeypatch.setattr(leader_config, "_READ_EVERY", 0.0)
    return found


def _config(directory: Path, topology: Topology = MOVED) -> LeaderConfig:
    found = mounted(directory, topology=topology)
    return LeaderConfig(root=found.root, secrets=found.secrets, ca=found.ca)


def test_it_follows_whoever_takes_writes_without_inv(tmp_path: Path, leads: set[str]) -> None:
    config = _config(tmp_path)
    first = config.read()
    assert first.topology.primary == "alpha"
    assert config.read() == first, "nothing begins anew while nothing changes"
    leads.clear()
    assert config.read().topology.primary == "alpha", "the last one, while there is none"
    leads.add("gamma")
    assert config.read().topology.primary == "gamma"
    leads.add("alpha")
    assert config.read().topology.primary == "gamma", "it stays with the one it knows"


def test_nobody_is_read_at_again_at_once(tmp_path: Path, leads: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader_config, "_READ_EVERY", 60.0)
    config = _config(tmp_path)
    assert config.read().topology.primary == "alpha"
    leads.clear()
    leads.add("beta")
    assert config.read().topology.primary == "alpha"


def test_where_pods_decides_the_topology_says_who_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(inside: ClusterConfig, name: str) -> bool:
        raise AssertionError(name)

    monkeypatch.setattr(leader_config, "_takes_writes", nobody)
    assert _config(tmp_path, topology_of(settings_of())).read().topology.primary == "primary"


def test_a_server_that_does_not_answer_takes_none(tmp_path: Path) -> None:
    config = _config(tmp_path)
    assert config.read().topology.primary == "alpha", "there is not even a password"
