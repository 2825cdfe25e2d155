"""A cluster whose primary another engine may choose: which node it is now, and whose slot is whose. Pure."""

from dataclasses import replace

from cluster.naming import node_of_slot, slot_of
from cluster.topology import Topology


def member_slot(topology: Topology, name: str) -> str:
    """Name of the slot of a node on the primary: Patroni calls it like the member."""
    return name if topology.engine == "patroni" else slot_of(name)


def slot_owner(topology: Topology, slot: str) -> str | None:
    """The node of this cluster that a physical slot belongs to."""
    name = slot if topology.engine == "patroni" else node_of_slot(slot)
    return name if name in topology.names else None


def with_observed(topology: Topology, primary: str | None) -> Topology:
    """The topology as it is now, where another engine decides; where none is seen, the one that was seen last."""
    if topology.engine == "local" or primary is None or primary not in topology.names:
        return topology
    return replace(topology, primary=primary)
