"""The PgBouncer of another Docker host and the guide beside it: their files and services. Pure."""

from dataclasses import replace

from cluster.config.docker_hosts import POOLER_PORT, DockerHosts, Host
from cluster.config.settings import Settings
from cluster.endpoints import POOLER
from cluster.guide_config import CONFIG_FILE, config_text
from cluster.services import GUIDE
from cluster.sizing import derive
from cluster.topology import Node, Topology
from compose.render.compose_file import base_services
from compose.render.compose_types import Service
from compose.render.guided_pools import guide_config, guide_members
from compose.render.host_facts import HostFacts
from compose.render.limits import bounded
from compose.render.log_bounds import kept_log, log_bounds, with_log_format
from compose.render.optional_services import GUIDE_VOLUME, READERS, guide_service
from compose.render.pgbouncer_ini import remote_pgbouncer_ini
from compose.render.service_definition import hardened, mount
from compose.render.service_definition import port as published

POOLER_DIRECTORIES = ("data/.guide", "data/.readers", f"data/logs/{POOLER}")
"""Below the host's home, of the containers' user and closed to all others, before the services are made."""


def pooler_files(settings: Settings, topology: Topology) -> dict[str, str]:
    """The text of their files, by path below the host's home; the same on every host."""
    derived = derive(settings, topology.sizing)
    ports = {member.name: member.port for member in guide_members(settings, topology)}
    return {
        "rendered/pgbouncer/pgbouncer.ini": remote_pgbouncer_ini(settings, topology, derived, ports),
        "rendered/pgbouncer/logs": log_bounds(settings),
        f"rendered/guide/{CONFIG_FILE}": config_text(guide_config(settings, topology, derived)),
    }


def as_moved(topology: Topology, hosts: DockerHosts) -> Topology:
    """The cluster as it will be on ``hosts``, where it is not yet: their PgBouncers wait for its primary."""
    if topology.engine == "patroni":
        return topology
    nodes = tuple(
        Node(name=host.name, ordinal=at, host=host.name) for at, host in enumerate(hosts.with_role("node"), 1)
    )
    return replace(topology, nodes=nodes, primary=nodes[0].name, engine="patroni") if nodes else topology


def pooler_services(settings: Settings, topology: Topology, host: Host, facts: HostFacts) -> dict[str, Service]:
    """Both, but for the addresses of nodes, which all services of a host have alike."""
    templates = base_services()
    pgbouncer = hardened(templates[POOLER], facts.images.pgbouncer, facts.user)
    pgbouncer["ports"] = [published(host.address, POOLER_PORT, POOLER_PORT)]
    pgbouncer["volumes"] += [
        mount("./rendered/pgbouncer", "/etc/pods"),
        mount("./secrets/tls/pgbouncer", "/run/tls"),
        mount(READERS, "/run/readers"),
        mount(GUIDE_VOLUME, "/run/guide"),
        kept_log(POOLER),
    ]
    guide = guide_service(templates[GUIDE], facts, mount("./secrets/ha/guide", "/run/ha"))
    for service in (pgbouncer, guide):
        service["networks"] = ["hosts"]
    made = {POOLER: pgbouncer, GUIDE: with_log_format(GUIDE, guide, settings)}
    return {name: bounded(name, service, topology.sizing) for name, service in made.items()}
