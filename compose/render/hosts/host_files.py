"""Every generated file of one Docker host, as text, by path below its home there. Pure; no secret is in any of them."""

from collections.abc import Iterable

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.config.settings import Settings
from cluster.sizing import Derived, derive
from cluster.topology import Topology
from compose.render.compose_file import compose_text, passwd_text
from compose.render.config_files import UserFiles
from compose.render.host_facts import HostFacts
from compose.render.hosts.docker_user_rules import docker_user_rules
from compose.render.hosts.etcd_yml import etcd_yml
from compose.render.hosts.failover_pace import PACES
from compose.render.hosts.host_project import host_project
from compose.render.hosts.member_hba import member_hba
from compose.render.hosts.patroni_yml import guard_text, patroni_yml
from compose.render.hosts.pooler_service import as_moved, pooler_files, pooler_services
from compose.render.log_bounds import log_bounds
from compose.render.postgresql_conf import NO_MAPS, USER_HBA, user_parameters
from compose.render.server_parameters import USER_PARAMETERS, member_conf


def host_files(
    settings: Settings,
    topology: Topology,
    hosts: DockerHosts,
    host: Host,
    facts: HostFacts,
    user: UserFiles,
    *,
    clones: bool = False,
    joins: bool = False,
    control: Iterable[str] = (),
) -> dict[str, str]:
    """The text of every file of ``host``.

    ``clones``: its node has no data yet, and Patroni may copy the leader's. ``joins``: its etcd is added to others.
    ``control``: more addresses that the cluster's services come from, as the control machine's where it is no host.
    """
    derived = derive(settings, topology.sizing)
    pooled = "pooler" in host.roles
    beside = pooler_services(settings, topology, host, facts) if pooled else {}
    project = host_project(settings, topology, hosts, host, derived, facts, beside)
    files = {
        "compose.yaml": compose_text(project),
        "rendered/passwd": passwd_text(facts.user),
        "rendered/docker-user.sh": docker_user_rules(settings, hosts, host),
    }
    if pooled:
        files |= pooler_files(settings, as_moved(topology, hosts))
    if "etcd" in host.roles:
        files["rendered/etcd/etcd.yml"] = etcd_yml(
            settings.project, hosts, host, PACES[settings.failover_pace], joins=joins
        )
        files["rendered/etcd/node"] = f"{host.name}\n" if "node" in host.roles else "\n"
    if "node" in host.roles:
        addresses = [*(each.address for each in hosts.hosts), *control]
        files |= _member_files(settings, topology, derived, host, user, addresses=addresses, clones=clones)
        files[f"rendered/nodes/{host.name}/patroni.yml"] = patroni_yml(settings, hosts, host)
    return files


def _member_files(
    settings: Settings,
    topology: Topology,
    derived: Derived,
    host: Host,
    user: UserFiles,
    *,
    addresses: Iterable[str],
    clones: bool,
) -> dict[str, str]:
    directory = f"rendered/nodes/{host.name}"
    return {
        f"{directory}/postgresql.conf": member_conf(settings, derived, host.name),
        f"{directory}/pg_hba.conf": member_hba(settings, addresses),
        f"{directory}/pg_ident.conf": NO_MAPS,
        # any node may become a standby, hence all have what a standby can have
        f"{directory}/{USER_PARAMETERS}": user_parameters(user.parameters, "replica"),
        f"{directory}/{USER_HBA}": user.hba,
        f"{directory}/logs": log_bounds(settings),
        f"{directory}/guard": guard_text(settings),
        f"{directory}/clone": "yes\n" if clones else "no\n",
        f"{directory}/identity": f"{topology.system_identifier or '-'} 0\n",
    }
