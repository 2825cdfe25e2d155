"""The Compose file of some settings, as data."""

from typing import Any

from cluster.config.settings import Settings
from cluster.sizing import derive
from cluster.topology import Topology
from compose.render.compose_file import compose_stack
from compose.render.host_facts import HostFacts
from tests.fix_settings import CONCRETE, topology_of


def stack_of(settings: Settings, topology: Topology | None = None, facts: HostFacts = CONCRETE) -> Any:
    """All of it."""
    topology = topology or topology_of(settings)
    return compose_stack(settings, topology, derive(settings, topology.sizing), facts)


def services_of(settings: Settings, topology: Topology | None = None) -> Any:
    """Its services."""
    return stack_of(settings, topology)["services"]
