"""Every generated file of a cluster, as text. Pure: home/rendered_files.py reads and writes."""

from dataclasses import dataclass

from cluster.config.env_file import services_env
from cluster.config.settings import Settings
from cluster.sizing import Derived, derive
from cluster.topology import Topology
from compose.render.compose_file import compose_stack, compose_text, passwd_text
from compose.render.copy_services import copy_files
from compose.render.haproxy_cfg import haproxy_cfg
from compose.render.host_facts import HostFacts
from compose.render.monitoring import monitoring_files
from compose.render.pgbouncer_ini import pgbouncer_ini
from compose.render.postgresql_conf import (
    NO_MAPS,
    USER_HBA,
    USER_PARAMETERS,
    pg_hba_conf,
    postgresql_conf,
    user_parameters,
)

POOLER_FILE = "rendered/pgbouncer/pgbouncer.ini"
"""Where each pool leads."""


@dataclass(frozen=True, slots=True)
class UserFiles:
    """What the user wrote into ``config/``: PostgreSQL parameters, pg_hba lines, whom alerts go to; or nothing."""

    parameters: str = ""
    hba: str = ""
    receivers: str = ""


def render_files(settings: Settings, topology: Topology, facts: HostFacts, user: UserFiles) -> dict[str, str]:
    """The text of every generated file, by path below the cluster's home."""
    derived = derive(settings, topology.sizing)
    files = {
        "compose.yaml": compose_text(compose_stack(settings, topology, derived, facts)),
        "rendered/passwd": passwd_text(facts.user),
        POOLER_FILE: pgbouncer_ini(settings, topology, derived),
        "rendered/haproxy/haproxy.cfg": haproxy_cfg(settings, topology),
        "rendered/services/.env": services_env(settings),
        **monitoring_files(settings, topology, user.receivers),
    }
    for node in topology.names:
        files |= _node_files(settings, topology, derived, node, user)
    for copy in topology.copies:
        files |= copy_files(settings, derived, copy, user.hba)
    return files


def _node_files(settings: Settings, topology: Topology, derived: Derived, node: str, user: UserFiles) -> dict[str, str]:
    directory = f"rendered/nodes/{node}"
    return {
        f"{directory}/postgresql.conf": postgresql_conf(settings, topology, derived, node),
        f"{directory}/pg_hba.conf": pg_hba_conf(settings, leads=_entry_role(topology, node) == "primary"),
        f"{directory}/pg_ident.conf": NO_MAPS,
        f"{directory}/{USER_PARAMETERS}": user_parameters(user.parameters, topology.role(node)),
        f"{directory}/{USER_HBA}": user.hba,
        f"{directory}/role": f"{_entry_role(topology, node)}\n",
        f"{directory}/identity": f"{topology.system_identifier or '-'} {_entry_timeline(topology, node)}\n",
    }


def _entry_role(topology: Topology, node: str) -> str:
    """As what the node's data may be started; "promoting" is a standby that becomes the primary."""
    return "promoting" if topology.promoting and node == topology.primary else topology.role(node)


def _entry_timeline(topology: Topology, node: str) -> int:
    """The timeline that the node's data must have reached: a replica may be behind by any number."""
    return topology.least_timeline if node == topology.primary else 0
