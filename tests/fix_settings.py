"""Settings, a topology and a home for tests that need some: nothing of this machine, its environment or its `.env`."""

import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.config.databases import DatabaseDeclaration, Declarations, RoleDeclaration
from cluster.config.env_file import PROJECT_ROOT, load_settings, variable_of
from cluster.config.settings import Settings
from cluster.sizing import Sizing
from cluster.topology import Topology
from compose.console import Console
from compose.home.paths import Home
from compose.render.host_facts import EngineSocket, HostFacts, Images, Operator

SIZING = Sizing(memory=16 << 30, disk=200 << 30, nodes=3)
"""A host with 16 GB of memory and 200 GB of free disk."""

IMAGES = Images(
    postgres="pods/postgres:0123",
    pgbouncer="pods/pgbouncer:0123",
    services="pods/services:0123",
    prometheus="prom/prometheus:v3",
    alertmanager="prom/alertmanager:v0",
    grafana="grafana/grafana:12",
    supervisor="pods/supervisor:0123",
)
CONCRETE = HostFacts(
    images=IMAGES,
    user=(999, 999),
    socket=EngineSocket(path="/var/run/docker.sock", group=103),
    operator=Operator(uid=0, gid=0, home="/srv/pods"),
    checkout=str(PROJECT_ROOT),
)

SYSTEM = "7400000000000000001"
"""A system identifier."""


def settings_of(**texts: str) -> Settings:
    """The defaults, changed as ``.env`` would: ``settings_of(primary_port="15440")``."""
    return load_settings(Path("/nonexistent"), {variable_of(name): text for name, text in texts.items()})


def with_databases(settings: Settings, count: int) -> Settings:
    """The same with so many databases in all, `shop1` and so on beside the application's own."""
    more = tuple(DatabaseDeclaration(name=f"shop{number}") for number in range(1, count))
    return replace(settings, declarations=Declarations(databases=more))


def with_roles(*names: str) -> Settings:
    """Settings of a cluster whose application is called shop, with these logins declared beside it."""
    roles = tuple(RoleDeclaration(name=name) for name in names)
    return replace(settings_of(user="shop"), declarations=Declarations(roles=roles))


def topology_of(settings: Settings, sizing: Sizing = SIZING) -> Topology:
    """The topology of a cluster that has data."""
    return replace(
        Topology.first(settings, sizing), system_identifier=SYSTEM, image_source="registry", image_base="postgres:18"
    )


@pytest.fixture
def bare_home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path)


@pytest.fixture
def narrow_umask() -> Iterator[None]:
    """A careful user's umask."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def console() -> Console:
    """A console nobody looks at."""
    return Console(io.StringIO())
