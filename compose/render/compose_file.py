"""The Compose file of one cluster: compose/compose.yaml, made concrete by settings and topology."""

import hashlib
import json
from functools import cache

from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings
from cluster.endpoints import POOLER, PROXY, remote_addresses
from cluster.services import beside
from cluster.sizing import Derived
from cluster.standby_topology import spans_hosts
from cluster.topology import Node, Topology, host_ports
from compose.render.compose_types import Project, Service
from compose.render.copy_services import copy_service
from compose.render.host_facts import HostFacts
from compose.render.limits import bounded, bounded_node
from compose.render.link_local import PROXY_ADDRESS, node_address
from compose.render.log_bounds import kept_log, with_log_format
from compose.render.optional_services import GUIDE_VOLUME, READERS, optional_service
from compose.render.relay import HOSTS, relay_service, relayed
from compose.render.seccomp import WITH_IO_URING, WITHOUT_IO_URING, node_profile, security_option
from compose.render.service_definition import hardened, mount
from compose.render.service_definition import port as published
from compose.render.source_relay import SOURCE, source_relay

BASE = PROJECT_ROOT / "compose" / "compose.yaml"
DEFINITION_LABEL = "pods.definition"
"""Hash of what a container was made from; equal means it need not be touched."""


NODES = "nodes"
"""The network in which nodes, and who speaks to them, find each other."""
_EGRESS = frozenset({"egress", "node_egress"})
NO_DNS = ["127.0.0.1"]
"""Nobody listens there: Docker's resolver still knows the services, and DNS is no tunnel out."""


def compose_stack(settings: Settings, topology: Topology, derived: Derived, facts: HostFacts) -> Project:
    """The Compose project as data."""
    base = _base()
    ports = host_ports(settings, topology)
    templates = base["services"]
    services = {
        node.name: _node(templates["node"], node, ports[node.name], settings, derived, facts)
        for node in topology.local_nodes
    }
    if topology.lift_memlock:
        for service in services.values():
            service["ulimits"] = {"memlock": -1}
    services["pgbouncer"] = _pgbouncer(templates["pgbouncer"], ports["pgbouncer"], settings, facts)
    services[PROXY] = _haproxy(templates[PROXY], ports[PROXY], settings, facts)
    services["psql"] = _psql(templates["psql"], topology, facts)
    if spans_hosts(topology):
        services[POOLER]["volumes"].append(mount(GUIDE_VOLUME, "/run/guide"))
    for name in beside(settings, topology.image_source, topology.engine):
        made = optional_service(name, templates[name], settings, topology, facts)
        services[name] = with_log_format(name, made, settings)
    services = {
        name: service if name in topology.names else bounded(name, service, topology.sizing)
        for name, service in services.items()
    }
    for node in relayed(topology):
        relay = relay_service(templates[PROXY], ports[node.name], node, settings, facts)
        services[node.name] = bounded(PROXY, relay, topology.sizing)
    for copy in topology.copies:
        services[copy.name] = copy_service(
            templates["node"], copy, ports[copy.name], settings, derived, topology.sizing, facts
        )
    if topology.standby:
        source = source_relay(templates[PROXY], ports[topology.standby[0].name], settings, facts)
        services[SOURCE] = bounded(PROXY, source, topology.sizing)
    if spans_hosts(topology):
        here = {node.name for node in topology.local_nodes}
        services = {
            name: service if name in here else _reaching_hosts(service, settings, topology)
            for name, service in services.items()
        }
    for service in services.values():
        if not _EGRESS.intersection(service.get("networks", _EGRESS)):
            service["dns"] = NO_DNS
        service["labels"] = {DEFINITION_LABEL: definition_hash(service)}
    used = {name for service in services.values() for name in service.get("secrets", ())}
    secrets = {name: secret for name, secret in base["secrets"].items() if name in used}
    joined = {name for service in services.values() for name in service.get("networks", ())}
    networks = {name: network for name, network in base["networks"].items() if name in joined}
    return {"name": topology.project, "services": services, "networks": networks, "secrets": secrets}


def definitions(settings: Settings, topology: Topology, derived: Derived, facts: HostFacts) -> dict[str, str]:
    """Hash of every service's definition."""
    services = compose_stack(settings, topology, derived, facts)["services"]
    return {name: service["labels"][DEFINITION_LABEL] for name, service in services.items()}


def compose_text(stack: Project) -> str:
    """The stack as YAML, every `$` kept from Compose's interpolation."""
    import yaml

    body = yaml.safe_dump(stack, sort_keys=False, width=120)
    return (
        "# Made by `inv up` from compose/compose.yaml, .env and data/topology.json; changes here are lost.\n"
        + body.replace("$", "$$")
    )


def definition_hash(service: Service) -> str:
    """Identity of a service's definition, and of the seccomp profiles it may name."""
    text = json.dumps(service, sort_keys=True) + _seccomp_text()
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _seccomp_text() -> str:
    return WITH_IO_URING.read_text() + WITHOUT_IO_URING.read_text()


def base_services() -> dict[str, Service]:
    """What is the same in every cluster, by service."""
    return _base()["services"]


def _base() -> Project:
    import yaml

    loaded: Project = yaml.safe_load(BASE.read_text())
    return loaded


def _node(template: Service, node: Node, port: int, settings: Settings, derived: Derived, facts: HostFacts) -> Service:
    egress = ["node_egress"] if settings.node_egress == "on" else []
    service = node_service(template, node, settings, derived, facts)
    service["networks"] = {**{name: {} for name in egress}, NODES: {"link_local_ips": [node_address(node.ordinal)]}}
    service["ports"] = [published(settings.bind, port, 5432)]
    return service


def node_service(template: Service, node: Node, settings: Settings, derived: Derived, facts: HostFacts) -> Service:
    """A node's container, but for its networks and where it listens."""
    service = hardened(template, facts.images.postgres, facts.user)
    service["security_opt"].append(security_option(node_profile(settings, facts), facts))
    service["shm_size"] = derived.shm_size
    service["stop_grace_period"] = f"{settings.stop_grace}s"
    service["volumes"] += [
        mount(f"./data/{node.name}", "/var/lib/postgresql", read_only=False),
        mount(f"./rendered/nodes/{node.name}", "/etc/pods"),
        mount(f"./secrets/tls/{node.name}", "/run/tls"),
        kept_log(node.name),
    ]
    return bounded_node(service)


def _pgbouncer(template: Service, port: int, settings: Settings, facts: HostFacts) -> Service:
    service = hardened(template, facts.images.pgbouncer, facts.user)
    service["ports"] = [published(settings.bind, port, 6432)]
    service["volumes"] += [
        mount("./rendered/pgbouncer", "/etc/pods"),
        mount("./secrets/tls/pgbouncer", "/run/tls"),
        mount(READERS, "/run/readers"),
        kept_log(POOLER),
    ]
    return service


def _reaching_hosts(service: Service, settings: Settings, topology: Topology) -> Service:
    """Whoever speaks to nodes finds them on other Docker hosts, by the names that their certificates have."""
    if NODES not in (networks := service.get("networks", ())):
        return service
    added = [f"{name}:{address}" for name, address in remote_addresses(settings, topology).items()]
    if isinstance(networks, dict):
        return {**service, "networks": {HOSTS: {}, **networks}, "extra_hosts": added}
    return {**service, "networks": sorted({HOSTS, *networks}), "extra_hosts": added}


def _haproxy(template: Service, port: int, settings: Settings, facts: HostFacts) -> Service:
    service = hardened(template, facts.images.pgbouncer, facts.user)
    service["networks"] = {NODES: {"link_local_ips": [PROXY_ADDRESS]}}
    service["ports"] = [published(settings.bind, port, 5432)]
    service["volumes"].append(mount("./rendered/haproxy", "/etc/pods"))
    return service


def _psql(template: Service, topology: Topology, facts: HostFacts) -> Service:
    service = hardened(template, facts.images.postgres, facts.user)
    if topology.copies:
        service["networks"] = ["copies", *service["networks"]]
    service["volumes"].append(mount("./secrets/tls/pgbouncer/ca.crt", "/run/tls/ca.crt"))
    return service


def passwd_text(user: tuple[int, int]) -> str:
    """/etc/passwd of the containers: initdb wants a name for the uid it runs as, whichever that is."""
    uid, gid = user
    return f"root:x:0:0:root:/root:/usr/sbin/nologin\npostgres:x:{uid}:{gid}:PostgreSQL:/var/lib/postgresql:/bin/sh\n"
