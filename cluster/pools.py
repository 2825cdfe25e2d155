"""The pools that settings and topology ask for, and how many replicas commits wait for."""

from cluster.config.settings import Settings
from cluster.naming import read_pool_of, shared_read_pool, write_pools
from cluster.topology import Topology


def pools(settings: Settings, topology: Topology) -> dict[str, tuple[str, ...]]:
    """Every pool and the nodes it leads to. With no replica to read from, reads go to the primary.

    A replica that catches up, is on its way out or is kept apart has its own pool and no part in the shared one.
    """
    shared = readers(topology)
    own = topology.in_state("member", "catching_up", "leaving")
    return {
        **dict.fromkeys(write_pools(settings.database), (topology.primary,)),
        shared_read_pool(settings.database): shared or (topology.primary,),
        **{read_pool_of(name, settings.database): (name,) for name in own},
    }


def readers(topology: Topology) -> tuple[str, ...]:
    """The replicas that take part in the pool of all readers."""
    return tuple(name for name in topology.in_state("member") if topology.node(name).pool == "shared")


def synchronous_count(settings: Settings) -> int:
    """How many replicas a commit waits for."""
    return 0 if settings.sync == "off" else int(settings.sync.split(":")[1])
