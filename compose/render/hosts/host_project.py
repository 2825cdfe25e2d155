"""The Compose file of one Docker host: compose/hosts.yaml, made concrete. Pure."""

from collections.abc import Mapping

from cluster.config.docker_hosts import ETCD_PEER_PORT, ETCD_PORT, NODE_PORT, PATRONI_PORT, DockerHosts, Host
from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings
from cluster.sizing import Derived, Sizing
from cluster.topology import Topology
from compose.render.compose_file import DEFINITION_LABEL, definition_hash
from compose.render.compose_types import Project, Service
from compose.render.host_facts import HostFacts
from compose.render.hosts.failover_pace import PACES
from compose.render.limits import bounded, bounded_node
from compose.render.log_bounds import kept_log
from compose.render.seccomp import node_profile, security_option
from compose.render.service_definition import hardened, mount, port

BASE = PROJECT_ROOT / "compose" / "hosts.yaml"
NETWORK = "hosts"
ETCD = "etcd"
"""The service; its member is called after its host."""
ELECTION_LABEL = "pods.election"
"""etcd reads its times when it starts: with others its container is made anew."""
_NO_DNS = ["127.0.0.1"]
"""Nobody listens there: Docker's resolver still knows the services and the hosts, and DNS is no tunnel out."""
_RELEASE = 20
"""Seconds for Patroni to let go of its lease and end, after the server has."""


def project_name(project: str, host: Host) -> str:
    """Name of the Compose project of ``host``."""
    return f"{project}-{host.name}"


def host_project(
    settings: Settings,
    topology: Topology,
    hosts: DockerHosts,
    host: Host,
    derived: Derived,
    facts: HostFacts,
    more: Mapping[str, Service],
) -> Project:
    """The Compose project as data; ``more`` are services that stand beside etcd and the node."""
    base = _base()
    templates = base["services"]
    services: dict[str, Service] = {}
    if "etcd" in host.roles:
        services[ETCD] = _etcd(templates[ETCD], host, topology.sizing, facts)
        services[ETCD]["labels"] = {ELECTION_LABEL: str(PACES[settings.failover_pace].election)}
    if "node" in host.roles:
        services[host.name] = _member(templates["member"], host, settings, derived, facts)
        if topology.lift_memlock:
            services[host.name]["ulimits"] = {"memlock": -1}
    services |= more
    for service in services.values():
        service["extra_hosts"] = remote_names(hosts, host)
        service["dns"] = _NO_DNS
        service["labels"] = {**service.get("labels", {}), DEFINITION_LABEL: definition_hash(service)}
    used = {name for service in services.values() for name in service.get("secrets", ())}
    secrets = {name: secret for name, secret in base["secrets"].items() if name in used}
    name = project_name(settings.project, host)
    return {"name": name, "services": services, "networks": base["networks"], "secrets": secrets}


def remote_names(hosts: DockerHosts, host: Host | None) -> list[str]:
    """``NAME:ADDRESS`` of every node and every member of etcd that is on another host than ``host``."""
    others = [each for each in hosts.hosts if host is None or each.name != host.name]
    nodes = [f"{each.name}:{each.address}" for each in others if "node" in each.roles]
    return [*nodes, *(f"{each.etcd}:{each.address}" for each in others if "etcd" in each.roles)]


def _base() -> Project:
    import yaml

    loaded: Project = yaml.safe_load(BASE.read_text())
    return loaded


def _etcd(template: Service, host: Host, sizing: Sizing, facts: HostFacts) -> Service:
    service = hardened(template, facts.images.hosts, facts.user)
    service["networks"] = {NETWORK: {"aliases": [host.etcd]}}
    service["ports"] = [port(host.address, number, number) for number in (ETCD_PORT, ETCD_PEER_PORT)]
    service["volumes"] += [
        mount("./data/etcd", "/var/lib/etcd", read_only=False),
        mount("./rendered/etcd", "/etc/pods"),
        mount("./secrets/ha/etcd", "/run/ha"),
    ]
    return bounded(ETCD, service, sizing)


def _member(template: Service, host: Host, settings: Settings, derived: Derived, facts: HostFacts) -> Service:
    service = hardened(template, facts.images.hosts, facts.user)
    service["networks"] = [NETWORK]
    service["security_opt"].append(security_option(node_profile(settings, facts), facts))
    service["shm_size"] = derived.shm_size
    service["stop_grace_period"] = f"{settings.stop_grace + _RELEASE}s"
    service["ports"] = [port(host.address, number, number) for number in (NODE_PORT, PATRONI_PORT)]
    service["volumes"] += [
        mount(f"./data/{host.name}", "/var/lib/postgresql", read_only=False),
        mount(f"./rendered/nodes/{host.name}", "/etc/pods"),
        mount(f"./secrets/tls/{host.name}", "/run/tls"),
        mount("./secrets/ha/patroni", "/run/ha"),
        kept_log(host.name),
    ]
    return bounded_node(service)
