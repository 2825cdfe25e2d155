"""HAProxy's configuration: PODS_PRIMARY_PORT leads to the node that is the primary, or to nobody. Pure.

Who is the primary is what the topology says. That a replica is never reached, also where this file is late, the nodes
see to themselves: a replica lets nobody in who comes from here (pg_hba.conf).
"""

from cluster.config.docker_hosts import PATRONI_PORT
from cluster.config.settings import Settings
from cluster.endpoints import remote_addresses
from cluster.sizing import connections_for_tests
from cluster.topology import Topology
from compose.render.link_local import PROXY_ADDRESS, node_address
from compose.render.postgresql_conf import this_host

TESTS_PORT = 5433
"""Where PgBouncer comes for databases that roles made by themselves; in the cluster's network alone."""
_SPARE_CONNECTIONS = 100


def haproxy_cfg(settings: Settings, topology: Topology) -> str:
    """The text of haproxy.cfg."""
    lines = [
        "# Made by PODS from .env and data/topology.json; changes here are lost.",
        *section("global", _globals(settings)),
        *section("defaults", DEFAULTS),
        *section("frontend clients", _frontend(settings, topology)),
        *(section("frontend tests", _tests(settings, topology)) if settings.declared.creators else ()),
        *section("backend primary", _backend(settings, topology)),
    ]
    return "\n".join(lines) + "\n"


def section(head: str, body: tuple[str, ...]) -> list[str]:
    """A section of its language, after an empty line."""
    return ["", head, *(f"    {line}" for line in body)]


def _globals(settings: Settings) -> tuple[str, ...]:
    return (
        "log stdout format raw daemon notice",  # nothing of a single connection
        # whom PostgreSQL has no room for, it tells so; here they would wait without a word
        f"maxconn {2 * settings.max_connections + _SPARE_CONNECTIONS}",
        "nbthread 2",
        # who is connected to what was the primary; a reload comes only with another one, or with other clients
        "hard-stop-after 100ms",
    )


DEFAULTS = (
    "mode tcp",
    "log global",
    "retries 0",  # a primary that does not listen refuses at once
    "timeout connect 2s",  # of a node whose container is away, nobody says so
    # the longest there is: a session may be idle for as long as its client lives, which keepalive finds out
    "timeout client 24d",
    "timeout server 24d",
    "timeout client-fin 30s",
    "timeout server-fin 30s",
    *(f"option {side}tcpka" for side in ("cli", "srv")),
    *(f"{side}tcpka-{what}" for side in ("cli", "srv") for what in ("idle 60s", "intvl 10s", "cnt 6")),
    "option splice-auto",  # COPY passes through the kernel
)
"""Of everything that is led on to a server."""


def _frontend(settings: Settings, topology: Topology) -> tuple[str, ...]:
    if topology.promoting:
        return ("bind :5432", "tcp-request connection reject  # there is no primary right now")
    return (
        "bind :5432",
        "tcp-request connection reject if { src 127.0.0.0/8 }",  # the container's own check
        f"tcp-request connection reject unless {{ src {' '.join(_clients(settings))} }}",
        "default_backend primary",
    )


def _tests(settings: Settings, topology: Topology) -> tuple[str, ...]:
    """Whoever is too many waits in the kernel's queue, and PgBouncer for them."""
    if topology.promoting:
        return (f"bind :{TESTS_PORT}", "tcp-request connection reject  # there is no primary right now")
    return (
        f"bind :{TESTS_PORT}",
        f"maxconn {connections_for_tests(settings)}",
        "tcp-request connection reject unless { src samenet }",
        "default_backend primary",
    )


def _clients(settings: Settings) -> tuple[str, ...]:
    """As pg_hba.conf has them for the nodes' own ports. pods-haproxy puts its container's networks for ``samenet``."""
    found = dict.fromkeys((*this_host(settings), *settings.clients))
    return ("0.0.0.0/0", "::/0") if "all" in found else tuple(found)


def _backend(settings: Settings, topology: Topology) -> tuple[str, ...]:
    if topology.engine == "patroni":
        return _observed(settings, topology)
    address = node_address(topology.node(topology.primary).ordinal)
    return (f"server {topology.primary} {address}:5432 source {PROXY_ADDRESS}",)


def _observed(settings: Settings, topology: Topology) -> tuple[str, ...]:
    """Nodes whose agents are asked which of them leads. A client checks the server's certificate itself."""
    check = f"check inter 1s fall 2 rise 1 port {PATRONI_PORT} check-ssl verify none on-marked-down shutdown-sessions"
    addresses = remote_addresses(settings, topology)
    return (
        "option httpchk OPTIONS /primary",
        "http-check expect status 200",
        f"default-server {check}",
        *(f"server {name} {address}:5432" for name, address in addresses.items()),
    )
