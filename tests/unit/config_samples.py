"""Clusters as services see them: the mounted files, and nodes that are elsewhere than the network would say."""

from dataclasses import replace
from pathlib import Path

from cluster.config.databases_file import SERVICES_FILE, for_services
from cluster.config.env_file import services_env
from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.config.settings import Settings
from cluster.postgres.connection import Access
from cluster.topology import Topology
from cluster.topology_file import dump
from tests.fix_settings import settings_of, topology_of


def mounted(directory: Path, settings: Settings | None = None, topology: Topology | None = None) -> MountedConfig:
    """A window on files as `up` renders them, and on secrets."""
    settings = settings or settings_of()
    mount(directory, settings, topology or topology_of(settings))
    (directory / "secrets").mkdir(exist_ok=True)
    (directory / "secrets" / "monitor_password").write_text("swordfish-and-more\n")
    return MountedConfig(root=directory / "pods", secrets=directory / "secrets", ca=directory / "ca.crt")


def mount(directory: Path, settings: Settings, topology: Topology) -> None:
    """Render what services see, as `up` does: each file replaced whole."""
    (directory / "pods").mkdir(exist_ok=True)
    declared = for_services(settings.declarations)
    for name, text in ((".env", services_env(settings)), (SERVICES_FILE, declared), ("topology.json", dump(topology))):
        (directory / "pods" / f"{name}.new").write_text(text)
        (directory / "pods" / f"{name}.new").replace(directory / "pods" / name)


class Elsewhere(ClusterConfig):
    """Every server at one port of loopback, where a test listens, or nobody."""

    port: int = 0

    def node(self, name: str, role: str = "monitor", secret: str = "monitor") -> Access:
        """At the test's port."""
        return replace(super().node(name, role, secret), host="127.0.0.1", port=type(self).port)

    def pooler(self) -> Access:
        """At the test's port."""
        return replace(super().pooler(), host="127.0.0.1", port=type(self).port)


def elsewhere(window: MountedConfig, port: int) -> MountedConfig:
    """The same window, through which every server is at ``port`` of loopback."""

    class _Inside(Elsewhere):
        pass

    _Inside.port = port

    class _Window(MountedConfig):
        def read(self) -> ClusterConfig:
            seen = window.read()
            return _Inside(settings=seen.settings, topology=seen.topology, secrets=seen.secrets, ca=seen.ca)

    return _Window(root=window.root, secrets=window.secrets, ca=window.ca)
