"""Fixtures: the bed, and a cluster whose home knows its hosts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.config.docker_hosts import Host
from cluster.config.env_file import load_settings
from cluster.errors import PodsError
from cluster.postgres.connection import Access
from tests.fix_images import images
from tests.fix_inv import Inv
from tests.fix_stack import BARE, Cluster, new_project, purge, write_env
from tests.hosts.bed import LOCAL, NAMES, Bed, open_bed
from tests.hosts.docker_command import docker

SEEDED = ("beta", "gamma")
"""They begin with the images; `alpha` gets them as any host does."""
SAFE = {"PODS_REPLICAS": "1", "PODS_SYNC": "any:1", "PODS_FAILOVER_PACE": "fast"}


@dataclass
class HostsCluster(Cluster):
    """A cluster on the control machine, and the hosts it may move to."""

    bed: Bed

    def on_host(self, name: str, secret: str, database: str = "appdb", port: int = 5432) -> Access:
        """How to log in on a host at its cluster address."""
        local = self.access("pgbouncer", secret, database)
        return Access(
            host=self.bed.address(name),
            port=port,
            user=local.user,
            password=local.password,
            ca=local.ca,
            database=database,
            pinned=False,
            pooled=port != 5432,
        )


def _shipped() -> list[str]:
    """Images that run on hosts."""
    made = images(Host(name="alpha", address="192.0.2.1", ssh="deploy@192.0.2.1"))
    return [made.hosts, made.postgres, made.pgbouncer, made.services]


@pytest.fixture(scope="session")
def bed(engine: None) -> Iterator[Bed]:
    """Three hosts: alpha, beta, gamma."""
    with three_hosts() as made:
        yield made


@contextmanager
def three_hosts(*more: str) -> Iterator[Bed]:
    """A bed of one's own, with ``more`` hosts than alpha, beta and gamma."""
    try:
        shipped = _shipped()
        docker("image", "inspect", "pods/base:forky")
    except (AssertionError, PodsError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no engine, or no pods/base:forky image, as another base was chosen: {error}")
    with open_bed((*NAMES, *more), seeded=SEEDED, images=shipped) as made:
        yield made


def hosts_cluster(home: Path, bed: Bed, *hosts: str, **settings: str) -> HostsCluster:
    """A cluster in ``home``, not yet up, whose config/hosts.toml names ``hosts`` (all, if none is named)."""
    write_env(home, new_project("hosts"), **{**BARE, "PODS_REPLICAS": "0", **settings})
    bed.write_hosts(home, *hosts)
    return HostsCluster(Inv(home, bed.environment), bed)


@pytest.fixture
def lone_hosts(tmp_path: Path, bed: Bed, built: None) -> Iterator[HostsCluster]:
    """A cluster of the test's own beside three hosts, not yet up."""
    made = hosts_cluster(tmp_path, bed)
    yield made
    purge(made.inv)


@pytest.fixture(scope="session")
def moving(tmp_path_factory: pytest.TempPathFactory, bed: Bed, built: None) -> Iterator[HostsCluster]:
    """The cluster that moves: writes wait for one of two replicas, the store of the hosts decides within 20 s."""
    home = tmp_path_factory.mktemp("moving")
    with one_that_moves(home, bed):
        yield HostsCluster(Inv(home, bed.environment), bed)


@contextmanager
def one_that_moves(home: Path, bed: Bed, **settings: str) -> Iterator[None]:
    """Files of such a cluster in ``home``; what became of it is taken away at the end."""
    made = hosts_cluster(home, bed, **SAFE, **settings)
    bed.write_hosts(home, *bed.hosts, LOCAL, local=("pooler",))  # where hosts find what they move from
    yield
    whole = all(host.runs for host in bed.hosts.values())
    purge(made.inv)
    if whole:
        running = {name: host.engine("ps", "--all", "--format", "{{.Names}}") for name, host in bed.hosts.items()}
        assert not [names for names in running.values() if load_settings(home, {}).project in names], running
    part = f"label=com.docker.compose.project={load_settings(home, {}).project}-{LOCAL}"
    for left in docker("ps", "--all", "--quiet", "--filter", part).split():
        docker("rm", "--force", "--volumes", left)
    for network in docker("network", "ls", "--quiet", "--filter", part).split():
        docker("network", "rm", network)


@contextmanager
def own_cluster(home: Path, **settings: str) -> Iterator[HostsCluster]:
    """Such a cluster on a bed of its own, which is gone with the body: three hosts keep half a processor busy."""
    with three_hosts() as bed, one_that_moves(home, bed, **settings):
        yield HostsCluster(Inv(home, bed.environment), bed)
