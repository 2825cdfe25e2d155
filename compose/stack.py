"""One cluster, opened: its settings, topology, secrets and engine, and how its nodes and PgBouncer are reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import history
from cluster.config.docker_hosts import NODE_PORT
from cluster.config.env_file import home_directory, load_settings
from cluster.config.settings import Settings
from cluster.endpoints import POOLER, PROXY, Endpoint, access_to, host_endpoint
from cluster.errors import RefusedError, UsageError
from cluster.hosts.hosts_reading import HostsReading
from cluster.observed.hosts_reader import HostsReader, both, identity_in
from cluster.observed.primary_port import read_primary_port
from cluster.observed.snapshot import Snapshot, read_snapshot
from cluster.pgbouncer import CONSOLE
from cluster.pools import pools
from cluster.postgres.connection import Access
from cluster.roles import APP, HOME, SUPERUSER, role_of
from cluster.service_verdict import ServicesReading
from cluster.services import beside
from cluster.topology import Topology
from cluster.topology_file import load
from cluster.verdict import Verdict
from cluster.view import View, make_view
from compose.engine import daemon
from compose.engine.compose_cli import Compose
from compose.engine.containers import Container, ContainerReader, SdkReader
from compose.engine.socket_reader import SocketReader
from compose.home import passwords, role_passwords
from compose.home.ha_certificates import CONTROL
from compose.home.paths import Home
from compose.home.permissions import check_home
from compose.render.source_relay import SOURCE

if TYPE_CHECKING:
    from docker import DockerClient

HOSTS_SECONDS = 3.0
"""Deadline of a reading of all Docker hosts."""
SOCKET_SECONDS = 30
"""For the superuser's first session, for which a host is reached first."""
READ_SECONDS = 6.0
"""Deadline of one snapshot of all nodes; longer than a connection attempt."""


@dataclass(frozen=True)
class Stack:
    """A cluster that exists: it has a topology."""

    home: Home
    settings: Settings
    topology: Topology
    engine: "DockerClient | None" = None
    elsewhere: Mapping[str, Endpoint] = field(default_factory=dict)
    """Where services are reached that are not to be reached where the settings have them."""
    configured: Path | None = None
    """Directory of the settings that are in force, where those in the home are not read: as `up` rendered them."""
    superuser_socket: Path | None = None
    """Directory of a socket that leads to the primary where Patroni decides; while an operation has it."""

    @property
    def compose(self) -> Compose:
        """`docker compose` on this cluster."""
        return Compose(self.home, self.topology.project)

    @cached_property
    def client(self) -> "DockerClient":
        """The engine's client, connected at its first use."""
        return self.engine or daemon.connect()

    @cached_property
    def passwords(self) -> passwords.Passwords:
        """Every password."""
        return passwords.read(self.home)

    @property
    def role_passwords(self) -> Mapping[str, str]:
        """Those of declared roles, by name, but for the application's."""
        return role_passwords.read(self.home, self.settings)

    def with_topology(self, topology: Topology) -> "Stack":
        """The same cluster with another desired topology."""
        return replace(self, topology=topology)

    def access(self, service: str, secret: str, database: str = "postgres") -> Access:
        """How to reach a node or ``pgbouncer`` from this host as the role of ``secret``."""
        user, password = self._login(secret)
        return access_to(
            service,
            self.elsewhere.get(service) or host_endpoint(self.settings, self.topology, service),
            user=user,
            password=password,
            ca=self.home.ca,
            database=database,
        )

    def _login(self, secret: str) -> tuple[str, str]:
        if secret != APP:
            return role_of(secret, self.settings.user), self.passwords[secret]
        own = role_passwords.read_one(self.home, self.settings, self.settings.user)
        return own.login, own.password

    def superuser(self, node: str) -> Access:
        """How to reach the primary as its superuser, for what only that may do; nobody goes to a replica as that.

        Raises:
            RefusedError: Patroni decides who that is, and nobody opened a way to it.
        """
        if self.topology.engine == "local":
            return self.access(node, passwords.SUPERUSER)
        if self.superuser_socket is None:
            hint = "inv psql --superuser --node NAME goes by the host's engine"
            raise RefusedError("no superuser comes over the network to hosts", hint)
        known = access_to(
            node, (str(self.superuser_socket), NODE_PORT), user=SUPERUSER, password="", ca=self.home.ca, database=HOME
        )
        return replace(known, peer=True, connect_timeout=SOCKET_SECONDS)

    def monitor(self, node: str) -> Access:
        """How to reach ``node`` as the monitoring role."""
        return self.access(node, passwords.MONITOR)

    def snapshot(self, deadline: float = READ_SECONDS) -> Snapshot:
        """Query every node and PgBouncer now, and see where the port of the primary leads."""
        nodes = {
            name: replace(self.monitor(name), connect_timeout=3, statement_timeout=3.0) for name in self.topology.names
        }
        pooler = replace(self.access(POOLER, passwords.MONITOR, CONSOLE), connect_timeout=3)
        port = self.elsewhere.get(PROXY) or host_endpoint(self.settings, self.topology, PROXY)
        return read_snapshot(nodes, pooler, port=partial(read_primary_port, port, self.home.ca), deadline=deadline)

    def observe(self, deadline: float = READ_SECONDS) -> tuple[Snapshot, HostsReading | None]:
        """The snapshot, and what Docker hosts answer where Patroni decides who is the primary."""
        hosts = None if self.topology.engine == "local" else self.read_hosts
        return both(partial(self.snapshot, deadline), hosts)

    def read_hosts(self) -> HostsReading:
        """Query agents and votes of every Docker host now."""
        identity = identity_in(self.home.host_secrets / CONTROL)
        return HostsReader().read(self.settings.hosts, identity, deadline=HOSTS_SECONDS, figures=True)

    def view(
        self, snapshot: Snapshot, services: ServicesReading | None = None, hosts: HostsReading | None = None
    ) -> View:
        """The snapshot with its verdict, as the health service has it; without ``services`` of nodes and PgBouncer."""
        latest = history.read_latest(self.home.journal)
        return make_view(self.settings, self.topology, snapshot, services=services, latest=latest, hosts=hosts)

    def judge(self, snapshot: Snapshot) -> Verdict:
        """What the snapshot says of this cluster."""
        return self.view(snapshot).verdict

    @property
    def pools(self) -> Mapping[str, tuple[str, ...]]:
        """Every pool there shall be, and where it leads."""
        return pools(self.settings, self.topology)

    @property
    def services(self) -> tuple[str, ...]:
        """Every service that shall run, in the order in which they are touched: what others need last."""
        nodes = (*(node.name for node in self.topology.replicas), self.topology.primary)
        source = (SOURCE,) if self.topology.standby else ()
        here = nodes if self.topology.engine == "local" else ()
        return (*here, *source, POOLER, PROXY, *self.optional_services)

    @property
    def optional_services(self) -> tuple[str, ...]:
        """The services beside nodes, PgBouncer and HAProxy, on which nothing in the cluster depends."""
        return beside(self.settings, self.topology.image_source, self.topology.engine)

    def containers(self) -> dict[str, Container]:
        """Its lasting containers by service; of one made before the home was moved, no definition holds."""
        found = SdkReader(self.client, self.topology.project).containers()
        return {service: self._as_defined(each) for service, each in found.items()}

    def _as_defined(self, container: Container) -> Container:
        return container if self.home.is_at(container.directory) else replace(container, definition="")

    @property
    def container_reader(self) -> ContainerReader:
        """Reads what containers are like, as quickly as can be."""
        if self.engine is None and SocketReader.usable():
            return SocketReader(self.topology.project)
        return SdkReader(self.client, self.topology.project)

    def check_service(self, name: str) -> str:
        """``name`` if it is a service of this cluster, or a copy beside it."""
        known = (*self.services, *(copy.name for copy in self.topology.copies))
        if name not in known:
            raise RefusedError(f"there is no service {name!r}", "there are: " + ", ".join(known))
        return name

    def check_pool(self, name: str) -> str:
        """``name`` if it is a pool of this cluster."""
        if name not in self.pools:
            raise UsageError(f"there is no pool {name!r}", "the pools are: " + ", ".join(self.pools))
        return name


def reopened(stack: Stack) -> Stack:
    """The same cluster with the topology and settings that are on disk now."""
    topology = load(stack.home.topology)
    if topology is None:
        raise RefusedError(f"the cluster in {stack.home.path} was taken away meanwhile", "run: inv up")
    return replace(stack, topology=topology, settings=_settings_of(stack))


def _settings_of(stack: Stack) -> Settings:
    """Those in the home; a service of ours goes by those of the last `up`."""
    return load_settings(stack.configured or stack.home.path, strict=stack.configured is None)


def open_home() -> tuple[Home, Settings]:
    """The cluster's home and settings, whether or not it exists yet.

    Raises:
        RefusedError: somebody else could lead PODS astray there.
    """
    path = home_directory()
    _refuse_unspeakable(path)
    if not path.is_dir():
        raise UsageError(
            f"the cluster's home {path} does not exist",
            "is its disk not mounted, or was it moved? Else mend PODS_HOME; for a new cluster make that directory",
        )
    check_home(Home(path))
    return Home(path), load_settings(path)


def _refuse_unspeakable(path: Path) -> None:
    """The engine takes paths in UTF-8 alone."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = str(path).encode(errors="surrogateescape").decode(errors="replace")
        raise UsageError(f"the cluster's home {shown} has a byte that is no UTF-8 in its path", "rename it") from None


def open_stack() -> Stack:
    """The cluster of this home.

    Raises:
        RefusedError: there is none yet.
    """
    home, settings = open_home()
    topology = load(home.topology)
    if topology is None or not home.compose_file.exists():
        raise RefusedError(f"there is no cluster in {home.path} yet", "run: inv up")
    return Stack(home, settings, topology)
