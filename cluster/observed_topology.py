"""A cluster whose primary another engine may choose: which node it is now, and whose slot is whose. Pure."""

from dataclasses import replace

from cluster.naming import node_of_slot, slot_of
from cluster.topology import Topology


def member_slot(topology: Topology, name: str) -> str:
    """Name of the slot of a node on the primary: Patroni calls it like the member; of others PODS chose it."""
    return name if is_member(topology, name) else slot_of(name)


def slot_owner(topology: Topology, slot: str) -> str | None:
    """The node of this cluster that a physical slot belongs to."""
    if is_member(topology, slot):
        return slot
    name = node_of_slot(slot)
    return name if name in topology.names and not is_member(topology, name) else None


def is_member(topology: Topology, name: str) -> bool:
    """Whether Patroni decides of this node: not of those here that only follow, until the cluster returns to them."""
    return topology.engine == "patroni" and name in {node.name for node in topology.remote_nodes}


def with_observed(topology: Topology, primary: str | None) -> Topology:
    """The topology as it is now, where another engine decides; where none is seen, the one that was seen last."""
    if topology.engine == "local" or primary is None or primary not in topology.names:
        return topology
    return replace(topology, primary=primary)
