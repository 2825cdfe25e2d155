"""Where a node or PgBouncer is reached: from this host at a published port, from inside the network by its name.

Both vantage points lead to the same `Access`; nothing else knows an address or decides how a server is spoken to.
"""

from pathlib import Path

from cluster.config.settings import Settings
from cluster.config.validators import on_loopback
from cluster.postgres.connection import Access
from cluster.topology import Topology, host_ports

POOLER = "pgbouncer"
"""PgBouncer's service."""
PROXY = "haproxy"
"""The service behind PODS_PRIMARY_PORT, which leads to the primary. Every other one that is connected to is a node."""
_POSTGRES_PORT = 5432
_POOLER_PORT = 6432
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
    """Address and port of a node, of ``pgbouncer`` or of ``haproxy``, from this host."""
    return host_address(settings), host_ports(settings, topology)[service]


def network_endpoint(service: str) -> Endpoint:
    """Name and port of a node, of ``pgbouncer`` or of ``haproxy``, from a container in the cluster's network."""
    return service, _POOLER_PORT if service == POOLER else _POSTGRES_PORT


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
