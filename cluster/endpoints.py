"""Where a node or PgBouncer is reached: from this host at a published port, from inside the network by its name.

Both vantage points lead to the same `Access`; nothing else knows an address or decides how a server is spoken to.
"""

from pathlib import Path

from cluster.config.docker_hosts import HOSTS_FILE, NODE_PORT, POOLER_PORT
from cluster.config.settings import Settings
from cluster.config.validators import on_loopback
from cluster.errors import UsageError
from cluster.postgres.connection import Access
from cluster.topology import Node, Topology, host_ports

POOLER = "pgbouncer"
"""PgBouncer's service."""
PROXY = "haproxy"
"""The service behind PODS_PRIMARY_PORT, which leads to the primary. Every other one that is connected to is a node."""
_POSTGRES_PORT = 5432
Endpoint = tuple[str, int]
"""Address or name, and port."""


def host_address(settings: Settings) -> str:
    """The address at which this host reaches the published ports."""
    return "127.0.0.1" if settings.bind in ("0.0.0.0", "127.0.0.1") else settings.bind  # noqa: S104 - compared, not bound


def client_host(settings: Settings) -> str:
    """By which name or address applications reach PgBouncer: of this host alone by loopback, else as others know it."""
    open_to_others = not on_loopback(settings.bind)
    return settings.tls_names[0] if open_to_others and settings.tls_names else host_address(settings)


def host_endpoint(settings: Settings, topology: Topology, service: str) -> Endpoint:
    """Address and port of a node, of ``pgbouncer`` or of ``haproxy``, from this host; or of a node on another one."""
    if address := remote_addresses(settings, topology).get(service):
        return address, NODE_PORT
    return host_address(settings), host_ports(settings, topology)[service]


def remote_addresses(settings: Settings, topology: Topology) -> dict[str, str]:
    """The cluster address of every node that is on another Docker host.

    Raises:
        UsageError: the host is no longer in the user's file.
    """
    return {node.name: _address(settings, node) for node in (*topology.remote_nodes, *topology.standby)}


def _address(settings: Settings, node: Node) -> str:
    host = settings.hosts.find(node.host)
    if host is None:
        raise UsageError(
            f"config/{HOSTS_FILE} no longer has the host {node.host}, on which {node.name} is", "put it back"
        )
    return host.address


def control_address(settings: Settings) -> str:
    """The cluster address of the host on which `inv` runs, where nodes on other hosts find the primary.

    Raises:
        UsageError: the user's file does not say.
    """
    if (here := settings.hosts.local) is None:
        raise UsageError(*no_local_host())
    return here.address


def no_local_host() -> tuple[str, str]:
    """What is wrong where the user's file has no entry for this machine, and what to do."""
    return (
        f"config/{HOSTS_FILE} does not say by which address other hosts reach this machine",
        'add [hosts.here] with ssh = "local", address = "…", home = "…" (a new directory) and, unless it shall have '
        'a vote and a node as well, roles = ["pooler"]',
    )


def pooler_endpoints(settings: Settings, topology: Topology) -> tuple[Endpoint, ...]:
    """The PgBouncers of several Docker hosts, each as good as the other; none where there is but this one.

    By addresses, which their certificates are good for: names of hosts need not mean anything to clients.
    """
    if topology.engine != "patroni":
        return ()
    return tuple((host.address, POOLER_PORT) for host in settings.hosts.with_role("pooler"))


def node_endpoints(settings: Settings, topology: Topology) -> tuple[Endpoint, ...]:
    """The nodes there, the one that is the primary, as far as is known, first."""
    if topology.engine != "patroni":
        return ()
    addresses = remote_addresses(settings, topology)
    return tuple((addresses[name], NODE_PORT) for name in sorted(addresses, key=lambda name: name != topology.primary))


def network_endpoint(service: str) -> Endpoint:
    """Name and port of a node, of ``pgbouncer`` or of ``haproxy``, from a container in the cluster's network."""
    return service, POOLER_PORT if service == POOLER else _POSTGRES_PORT


def source_endpoint(settings: Settings, topology: Topology, node: str) -> Endpoint:
    """Where a replica finds the primary: on another host at its relay, by a name that all nodes' certificates have.

    One here of a cluster of which Patroni decides finds it where PODS_PRIMARY_PORT leads.
    """
    if topology.engine == "patroni" and not topology.node(node).host:
        return network_endpoint(PROXY)
    if topology.node(node).host:
        return PROXY, host_ports(settings, topology)[node]
    return network_endpoint(topology.primary)


def access_to(
    service: str,
    endpoint: Endpoint,
    *,
    user: str,
    password: str,
    ca: Path,
    database: str,
    connect_timeout: int = 5,
    statement_timeout: float = 30.0,
) -> Access:
    """How to reach ``service`` at ``endpoint`` as ``user``; PgBouncer takes no statement timeout at login."""
    pooled = service == POOLER
    return Access(
        host=endpoint[0],
        port=endpoint[1],
        user=user,
        password=password,
        ca=ca,
        database=database,
        connect_timeout=connect_timeout,
        statement_timeout=0.0 if pooled else statement_timeout,
        pooled=pooled,
    )
