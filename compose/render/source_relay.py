"""The service by which a standby cluster on other Docker hosts finds this cluster's primary: HAProxy. Pure.

It stands beside the nodes, so that none of them is made anew to be reached: its port alone is at the address that hosts
know this one by. It holds no key and reads nothing; the primary asks for its proof itself.
"""

from cluster.config.docker_hosts import NODE_PORT
from cluster.config.settings import Settings
from cluster.endpoints import control_address, remote_addresses
from cluster.topology import Topology
from compose.render.compose_types import Service
from compose.render.host_facts import HostFacts
from compose.render.service_definition import hardened, mount, port

SOURCE = "hosts_source"
"""The service; no node can be called so."""
FILE = f"rendered/{SOURCE}/haproxy.cfg"
_MOST = 256
"""Connections: a walsender a member, while each is being copied, and who checks where the timelines part."""


def source_relay(template: Service, published: int, settings: Settings, facts: HostFacts) -> Service:
    """The definition; in the network `hosts` its port is published, in that of the nodes it finds the primary."""
    service = hardened(template, facts.images.pgbouncer, facts.user)
    service["networks"] = ["hosts", *service["networks"]]
    service["ports"] = [port(control_address(settings), published, NODE_PORT)]
    service["volumes"].append(mount(f"./rendered/{SOURCE}", "/etc/pods"))
    return service


def source_relay_files(settings: Settings, topology: Topology) -> dict[str, str]:
    """Its configuration, where there is a standby cluster."""
    return {FILE: source_relay_cfg(settings, topology)} if topology.standby else {}


def source_relay_cfg(settings: Settings, topology: Topology) -> str:
    """The text of haproxy.cfg. A node that has just started has another address, hence it is asked for by name."""
    sources = " ".join(remote_addresses(settings, topology).values())
    return f"""# Made by PODS from .env and data/topology.json; changes here are lost.

global
    log stdout format raw daemon notice
    maxconn {_MOST}
    nbthread 1

defaults
    mode tcp
    log global
    timeout connect 2s
    timeout client 24d
    timeout server 24d
    option clitcpka
    option srvtcpka

resolvers engine
    nameserver docker 127.0.0.11:53
    hold valid 1s
    hold obsolete 0s

frontend hosts
    bind :{NODE_PORT}
    tcp-request connection reject if {{ src 127.0.0.0/8 }}  # the container's own check
    tcp-request connection reject unless {{ src {sources} samenet }}
    default_backend primary

backend primary
    server {topology.primary} {topology.primary}:{NODE_PORT} resolvers engine init-addr none
"""
