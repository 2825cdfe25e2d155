"""The service that stands here for a node on another Docker host: HAProxy, leading to it, and from there here. Pure.

It has the node's name in the cluster's network, so that nobody here has to know where the node is, nor needs a way out
of this host: its relay alone has one. What comes from the node's host is led to the primary, whichever that is now, and
asked for its proof there; the relay holds no key and reads nothing.
"""

from cluster.config.docker_hosts import NODE_PORT
from cluster.config.settings import Settings
from cluster.endpoints import control_address, remote_addresses
from cluster.topology import Node, Topology
from compose.render.compose_types import Service
from compose.render.haproxy_cfg import DEFAULTS, section
from compose.render.host_facts import HostFacts
from compose.render.service_definition import hardened, mount, port

HOSTS = "hosts"
"""The network through which relays reach other hosts; before the nodes' by name, hence their way out."""
RELAYS = "rendered/relays"
_MOST = 1024
"""Connections: what pools and watchers have to one node, and its walsenders."""


def relayed(topology: Topology) -> tuple[Node, ...]:
    """The nodes that have a relay: replicas elsewhere of a primary here."""
    return topology.remote_nodes if topology.engine == "local" else ()


def relay_service(template: Service, published: int, node: Node, settings: Settings, facts: HostFacts) -> Service:
    """HAProxy's container under the node's name."""
    service = hardened(template, facts.images.pgbouncer, facts.user)
    service["networks"] = [HOSTS, *service["networks"]]
    service["ports"] = [port(control_address(settings), published, NODE_PORT)]
    service["volumes"].append(mount(f"./{RELAYS}/{node.name}", "/etc/pods"))
    return service


def relay_cfg(settings: Settings, topology: Topology, node: Node) -> str:
    """The text of its haproxy.cfg. A node that has just started has another address, hence it is asked for by name."""
    address = remote_addresses(settings, topology)[node.name]
    led = (f"server {topology.primary} {topology.primary}:{NODE_PORT} resolvers engine init-addr none",)
    lines = [
        "# Made by PODS from .env and data/topology.json; changes here are lost.",
        *section("global", ("log stdout format raw daemon notice", f"maxconn {_MOST}", "nbthread 1")),
        *section("defaults", DEFAULTS),
        *section("resolvers engine", ("nameserver docker 127.0.0.11:53", "hold valid 1s", "hold obsolete 0s")),
        *section(
            "frontend node",
            (
                f"bind :{NODE_PORT}",
                "tcp-request connection reject if { src 127.0.0.0/8 }  # the container's own check",
                f"tcp-request connection reject unless {{ src {address} samenet }}",
                f"use_backend primary if {{ src {address} }}",
                "default_backend node",
            ),
        ),
        *section("backend primary", led),
        *section("backend node", (f"server {node.name} {address}:{NODE_PORT}",)),
    ]
    return "\n".join(lines) + "\n"


def relay_files(settings: Settings, topology: Topology) -> dict[str, str]:
    """Those of all relays, by path below the cluster's home."""
    return {f"{RELAYS}/{node.name}/haproxy.cfg": relay_cfg(settings, topology, node) for node in relayed(topology)}
