"""The verdict on where pools lead, and on who is out of the one of all readers. Pure."""

from collections.abc import Iterator, Mapping

from cluster.observed.snapshot import Snapshot
from cluster.pgbouncer import Pool
from cluster.remedies import with_remedy
from cluster.units import human_seconds


def leads(pool: Pool, expected: tuple[str, ...]) -> bool:
    """Whether a pool leads where it shall: to all of several nodes, or to those of them that are not out."""
    found, wanted = set(pool.hosts), set(expected)
    return found == wanted or (len(wanted) > 1 and bool(found) and found < wanted)


def out_of_pools(snapshot: Snapshot, expected: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Nodes that are out of a pool of several, by the health service's doing (cluster/read_pool.py), and that pool."""
    seen = [pool for pool in snapshot.pooler.pools if leads(pool, expected.get(pool.name, ()))]
    return {node: pool.name for pool in seen for node in expected[pool.name] if node not in pool.hosts}


def stale(snapshot: Snapshot, name: str, pool: str, limit: float) -> Iterator[str]:
    """Of a node that answers and streams, why it is out; ``limit`` in seconds, 0 for none."""
    facts = snapshot.nodes[name].facts
    if facts is not None and limit and facts.lag_seconds > limit:
        problem = f"{name} is {human_seconds(facts.lag_seconds)} behind, and out of {pool}"
        yield with_remedy(problem, "it catches up by itself, unless a query or recovery_min_apply_delay holds it back")


def absences(out: Mapping[str, str], about: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Notes on those that are out."""
    for name, pool in out.items():
        when = "it comes back when it has been well for some seconds" if name in about else "it is well and comes back"
        yield with_remedy(f"{name} is out of {pool}", when)
