"""The Compose project of a replica on another Docker host: that one node, hardened as all are. Pure.

It is rendered here, with the node's files, and shipped as it is. The node's port is published on its host's cluster
address alone, with the same number inside and outside; the primary is where its relay listens (relay.py), under the
name that every node's certificate is good for.
"""

from cluster.config.docker_hosts import NODE_PORT
from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings
from cluster.endpoints import PROXY, control_address, remote_addresses, source_endpoint
from cluster.sizing import derive
from cluster.topology import Node, Topology
from compose.render.compose_file import BASE, DEFINITION_LABEL, NO_DNS, definition_hash, node_service
from compose.render.compose_types import Project
from compose.render.host_facts import HostFacts
from compose.render.service_definition import port

_NETWORK = "nodes"
"""The only one, and with a way out: to the primary's host."""
_PROMOTE = PROJECT_ROOT / "compose" / "promote-replica.sh"
"""For who has that host and nothing else: without PODS, without SSH."""


def project_name(topology: Topology, host: str) -> str:
    """What the project on ``host`` is called."""
    return f"{topology.project}-{host}"


def remote_project(settings: Settings, topology: Topology, node: Node, facts: HostFacts) -> Project:
    """The Compose project of ``node`` on its host, as data."""
    import yaml

    base: Project = yaml.safe_load(BASE.read_text())
    derived = derive(settings, node.sizing or topology.sizing)
    service = node_service(base["services"]["node"], node, settings, derived, facts)
    service["networks"] = [_NETWORK]
    service["ports"] = [port(remote_addresses(settings, topology)[node.name], NODE_PORT, NODE_PORT)]
    service["extra_hosts"] = [f"{PROXY}:{control_address(settings)}"]
    service["dns"] = NO_DNS
    service["labels"] = {DEFINITION_LABEL: definition_hash(service)}
    secrets = {name: base["secrets"][name] for name in service["secrets"]}
    name = project_name(topology, node.host)
    return {"name": name, "services": {node.name: service}, "networks": {_NETWORK: {}}, "secrets": secrets}


def promotion_files(settings: Settings, topology: Topology, node: Node) -> dict[str, str]:
    """What makes the replica a primary of its own, run by hand on its host when this one is lost."""
    container = f"{project_name(topology, node.host)}-{node.name}-1"
    port = source_endpoint(settings, topology, node.name)[1]
    return {
        f"rendered/{_PROMOTE.name}": _PROMOTE.read_text(),
        "rendered/promote-replica.conf": f"CONTAINER={container}\nNODE={node.name}\nPRIMARY_PORT={port}\n",
    }
