"""Every generated file of a cluster, as text. Pure: home/rendered_files.py reads and writes."""

from dataclasses import dataclass

from cluster.config.databases_file import SERVICES_FILE, for_services
from cluster.config.env_file import services_env
from cluster.config.hosts_file import HOSTS_DOCUMENT, hosts_text
from cluster.config.settings import Settings
from cluster.endpoints import control_address
from cluster.guide_config import CONFIG_FILE, config_text
from cluster.sizing import Derived, derive
from cluster.topology import Node, Topology
from compose.render.compose_file import compose_stack, compose_text, passwd_text
from compose.render.copy_services import copy_files
from compose.render.guided_pools import guide_config
from compose.render.haproxy_cfg import haproxy_cfg
from compose.render.host_facts import HostFacts
from compose.render.log_bounds import log_bounds
from compose.render.monitoring import monitoring_files
from compose.render.pgbouncer_ini import pgbouncer_ini
from compose.render.postgresql_conf import (
    NO_MAPS,
    USER_HBA,
    pg_hba_conf,
    postgresql_conf,
    user_parameters,
)
from compose.render.relay import relay_files, relayed
from compose.render.server_parameters import USER_PARAMETERS
from compose.render.source_relay import source_relay_files

POOLER_FILE = "rendered/pgbouncer/pgbouncer.ini"
"""Where each pool leads."""


@dataclass(frozen=True, slots=True)
class UserFiles:
    """What the user wrote into ``config/``: PostgreSQL parameters, pg_hba lines, whom alerts go to; or nothing."""

    parameters: str = ""
    hba: str = ""
    receivers: str = ""
    alert_secrets: frozenset[str] = frozenset()
    """Names of the files in secrets/alerts/: what is optional is used where it is there."""


def render_files(settings: Settings, topology: Topology, facts: HostFacts, user: UserFiles) -> dict[str, str]:
    """The text of every generated file, by path below the cluster's home."""
    derived = derive(settings, topology.sizing)
    files = {
        "compose.yaml": compose_text(compose_stack(settings, topology, derived, facts)),
        "rendered/passwd": passwd_text(facts.user),
        POOLER_FILE: pgbouncer_ini(settings, topology, derived),
        "rendered/pgbouncer/logs": log_bounds(settings),
        "rendered/haproxy/haproxy.cfg": haproxy_cfg(settings, topology),
        "rendered/services/.env": services_env(settings),
        f"rendered/services/{SERVICES_FILE}": for_services(settings.declarations),
        **({f"rendered/services/{HOSTS_DOCUMENT}": hosts_text(settings.hosts)} if settings.hosts.hosts else {}),
        **_guide_files(settings, topology, derived),
        **monitoring_files(settings, topology, user.receivers, user.alert_secrets),
    }
    files |= source_relay_files(settings, topology)
    files |= relay_files(settings, topology)
    for node in topology.nodes:
        sizes = derived if node.sizing is None else derive(settings, node.sizing)
        files |= _node_files(settings, topology, sizes, node, user)
    for copy in topology.copies:
        files |= copy_files(settings, derived, copy, user.hba)
    return files


def _guide_files(settings: Settings, topology: Topology, derived: Derived) -> dict[str, str]:
    if topology.engine != "patroni":
        return {}
    return {f"rendered/guide/{CONFIG_FILE}": config_text(guide_config(settings, topology, derived))}


def _node_files(settings: Settings, topology: Topology, derived: Derived, of: Node, user: UserFiles) -> dict[str, str]:
    node, directory = of.name, f"rendered/nodes/{of.name}"
    control = control_address(settings) if of in relayed(topology) else ""
    return {
        f"{directory}/postgresql.conf": postgresql_conf(settings, topology, derived, node),
        f"{directory}/pg_hba.conf": pg_hba_conf(
            settings, leads=_entry_role(topology, node) == "primary", control=control
        ),
        f"{directory}/pg_ident.conf": NO_MAPS,
        f"{directory}/{USER_PARAMETERS}": user_parameters(user.parameters, topology.role(node)),
        f"{directory}/{USER_HBA}": user.hba,
        f"{directory}/role": f"{_entry_role(topology, node)}\n",
        f"{directory}/logs": log_bounds(settings),
        f"{directory}/identity": f"{topology.system_identifier or '-'} {_entry_timeline(topology, node)}\n",
    }


def _entry_role(topology: Topology, node: str) -> str:
    """As what the node's data may be started; "promoting" is a standby that becomes the primary."""
    return "promoting" if topology.promoting and node == topology.primary else topology.role(node)


def _entry_timeline(topology: Topology, node: str) -> int:
    """The timeline that the node's data must have reached: a replica may be behind by any number."""
    return topology.least_timeline if node == topology.primary else 0
