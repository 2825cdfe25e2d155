"""What a client needs to know to connect: where, as whom, and in which files the secrets are. Never a password."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from cluster.config.settings import Settings
from cluster.endpoints import POOLER, PROXY, client_host, network_endpoint, node_endpoints, pooler_endpoints
from cluster.naming import shared_read_pool, write_pools
from cluster.topology import Topology, host_ports

CONNECT_SECONDS = "2"
"""For one server to answer, where there are others."""


@dataclass(frozen=True, slots=True)
class Server:
    """Name or address, and port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """PgBouncer, and the port of whichever node is the primary, from one side."""

    pooler: Server
    primary: Server


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFiles:
    """Paths on this host: the CA, the role's password, the same for libpq; servers, login, password for JDBC."""

    ca: str
    password: str
    pgpass: str
    jdbc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDetails:
    """How one role reaches one database.

    ``poolers``: the PgBouncers of several Docker hosts, each as good as the other; none where there is but one.
    ``nodes``: the nodes there, the one that is the primary now first.
    """

    project: str
    database: str
    role: str
    write_pool: str
    read_pool: str
    host: Servers
    network: str
    container: Servers
    files: CredentialFiles
    poolers: tuple[Server, ...] = ()
    nodes: tuple[Server, ...] = ()

    def uri(self, servers: Sequence[Server], database: str, **more: str) -> str:
        """An address for libpq, which takes password and CA from their files; of several ``servers`` it takes one."""
        several = {"connect_timeout": CONNECT_SECONDS} if len(servers) > 1 else {}
        trust = {"sslmode": "verify-full", "sslrootcert": self.files.ca, "passfile": self.files.pgpass}
        options = "&".join(f"{name}={quote(text)}" for name, text in {**trust, **several, **more}.items())
        return f"postgresql://{quote(self.role)}@{listed(servers)}/{quote(database)}?{options}"

    @property
    def uris(self) -> dict[str, str]:
        """Addresses for libpq from this host, by what they are for."""
        poolers = self.poolers or (self.host.pooler,)
        return {
            "write": self.uri(poolers, self.write_pool),
            "read": self.uri(poolers, self.read_pool),
            "direct": self.uri(self.nodes, self.database, target_session_attrs="read-write")
            if self.nodes
            else self.uri((self.host.primary,), self.database),
        }


def listed(servers: Iterable[Server]) -> str:
    """``a:6432,b:6432``."""
    return ",".join(f"{server.host}:{server.port}" for server in servers)


def connection_details(
    settings: Settings, topology: Topology, database: str, role: str, files: CredentialFiles
) -> ConnectionDetails:
    """How ``role`` reaches ``database``, as settings and topology have it."""
    ports, host = host_ports(settings, topology), client_host(settings)
    return ConnectionDetails(
        project=topology.project,
        database=database,
        role=role,
        write_pool=write_pools(database)[0],
        read_pool=shared_read_pool(database),
        host=Servers(pooler=Server(host, ports[POOLER]), primary=Server(host, ports[PROXY])),
        network=f"{topology.project}_nodes",
        container=Servers(
            pooler=Server(*network_endpoint(POOLER)),
            primary=Server(*network_endpoint(PROXY)),
        ),
        files=files,
        poolers=tuple(Server(*each) for each in pooler_endpoints(settings, topology)),
        nodes=tuple(Server(*each) for each in node_endpoints(settings, topology)),
    )
