"""The pools that settings and topology ask for, and how many replicas commits wait for."""

from collections.abc import Iterator

from cluster.config.databases import DatabaseDeclaration
from cluster.config.settings import Settings
from cluster.errors import RefusedError
from cluster.naming import read_pool_of, shared_read_pool, write_pools
from cluster.pgbouncer import longest_name
from cluster.topology import Node, Topology


def pools(settings: Settings, topology: Topology) -> dict[str, tuple[str, ...]]:
    """Every pool and the nodes it leads to. With no replica to read from, reads go to the primary.

    A replica that catches up, is on its way out or is kept apart has its own pool and no part in the shared one. One
    that became the primary keeps its own. Where Patroni decides who that is, pools of readers do not depend on it: a
    list of nodes that changes ends all connections of its pool.
    """
    return {pool: hosts for _, pool, hosts in pools_of_databases(settings, topology)}


def pools_of_databases(
    settings: Settings, topology: Topology
) -> Iterator[tuple[DatabaseDeclaration, str, tuple[str, ...]]]:
    """Each declared database with each of its pools, and the nodes that one leads to."""
    observed = topology.engine == "patroni"
    shared = (_sharing(topology) if observed else readers(topology)) or (topology.primary,)
    served = topology.in_state("member", "catching_up", "leaving")
    own = [node.name for node in topology.nodes if observed or node.name in served or _kept(topology, node)]
    for database in settings.declared.databases:
        for pool in write_pools(database.name):
            yield database, pool, (topology.primary,)
        yield database, shared_read_pool(database.name), shared
        for name in own:
            yield database, read_pool_of(name, database.name), (name,)


def check_lengths(settings: Settings, topology: Topology) -> None:
    """Refuse names of databases and nodes of which a pool's would be too long for PgBouncer, which then reads nothing.

    Raises:
        RefusedError: says which pool.
    """
    for node in topology.names:
        for database, pool in zip(settings.declared.databases, own_pools(settings, node), strict=True):
            if len(pool) > (longest := longest_name(pool)):
                raise RefusedError(
                    f"the pool {pool} would have a name of {len(pool)} letters, and PgBouncer takes {longest}",
                    f"choose a shorter name for the database {database.name}, or for the node {node}",
                )


def own_pools(settings: Settings, node: str) -> tuple[str, ...]:
    """The pools that lead to one replica alone, of every declared database."""
    return tuple(read_pool_of(node, database.name) for database in settings.declared.databases)


def _kept(topology: Topology, node: Node) -> bool:
    return node.name == topology.primary and node.keeps_pool


def _sharing(topology: Topology) -> tuple[str, ...]:
    return tuple(node.name for node in topology.nodes if node.state == "member" and node.pool == "shared")


def readers(topology: Topology) -> tuple[str, ...]:
    """The replicas that take part in the pool of all readers; a replaced primary not before it streams."""
    absent = topology.handover.source if topology.handover else ""
    members = (name for name in topology.in_state("member") if name != absent)
    return tuple(name for name in members if topology.node(name).pool == "shared")


def synchronous_count(settings: Settings) -> int:
    """How many replicas a commit waits for."""
    return 0 if settings.sync == "off" else int(settings.sync.split(":")[1])
