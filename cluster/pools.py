"""The pools that settings and topology ask for, and how many replicas commits wait for."""

from cluster.config.settings import Settings
from cluster.naming import read_pool_of, shared_read_pool, write_pools
from cluster.topology import Node, Topology


def pools(settings: Settings, topology: Topology) -> dict[str, tuple[str, ...]]:
    """Every pool and the nodes it leads to. With no replica to read from, reads go to the primary.

    A replica that catches up, is on its way out or is kept apart has its own pool and no part in the shared one. One
    that became the primary keeps its own.
    """
    shared = readers(topology)
    served = topology.in_state("member", "catching_up", "leaving")
    own = [node.name for node in topology.nodes if node.name in served or _kept(topology, node)]
    return {
        **dict.fromkeys(write_pools(settings.database), (topology.primary,)),
        shared_read_pool(settings.database): shared or (topology.primary,),
        **{read_pool_of(name, settings.database): (name,) for name in own},
    }


def _kept(topology: Topology, node: Node) -> bool:
    return node.name == topology.primary and node.keeps_pool


def readers(topology: Topology) -> tuple[str, ...]:
    """The replicas that take part in the pool of all readers; a replaced primary not before it streams."""
    absent = topology.handover.source if topology.handover else ""
    members = (name for name in topology.in_state("member") if name != absent)
    return tuple(name for name in members if topology.node(name).pool == "shared")


def synchronous_count(settings: Settings) -> int:
    """How many replicas a commit waits for."""
    return 0 if settings.sync == "off" else int(settings.sync.split(":")[1])
