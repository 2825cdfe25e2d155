"""The verdict on where pools lead, whom they serve, and on who is out of those of all readers. Pure.

There may be thousands of pools, and one cause behind what is wrong with all of them: then it is one reason.
"""

from collections.abc import Iterator, Mapping, Sequence

from cluster.observed.snapshot import Snapshot
from cluster.pgbouncer import Pool
from cluster.remedies import with_remedy
from cluster.units import human_seconds

Expected = Mapping[str, tuple[str, ...]]
"""The nodes that each pool shall lead to."""
_SINGLE, _NAMED = 5, 3
"""Up to so many have a reason each: the pools of one database. Of more, so many are named."""
_UP = "run: inv up"
_LONGER = "end long transactions, or raise PODS_POOL_SIZE, then inv up"


def leads(pool: Pool, expected: tuple[str, ...]) -> bool:
    """Whether a pool leads where it shall: to all of several nodes, or to those of them that are not out."""
    found, wanted = set(pool.hosts), set(expected)
    return found == wanted or (len(wanted) > 1 and bool(found) and found < wanted)


def serves(pool: Pool, expected: tuple[str, ...], longest: float) -> bool:
    """Whether nothing is wrong with a pool; ``longest`` is how many seconds its clients may wait."""
    return leads(pool, expected) and not pool.paused and not pool.disabled and not _late(pool, longest)


def some(names: Sequence[str]) -> str:
    """Names in a line: a few, and how many more."""
    more = len(names) - _NAMED
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_NAMED])} and {more} more"


def pool_reasons(snapshot: Snapshot, expected: Expected, longest: float, *, held: bool = False) -> Iterator[str]:
    """What is wrong with pools; clients may wait for ``longest`` seconds.

    ``held``: pools wait for a primary by themselves, whose absence is said elsewhere.
    """
    if snapshot.pooler.error:
        yield with_remedy(f"PgBouncer does not answer: {snapshot.pooler.error}", _UP)
        return
    seen = {pool.name: pool for pool in snapshot.pooler.pools}
    missing, stray = sorted(expected.keys() - seen.keys()), sorted(seen.keys() - expected.keys())
    yield from _each({name: f"PgBouncer has no pool {name}" for name in missing}, "PgBouncer lacks {} pools: {}")
    strays = {name: f"PgBouncer has a pool {name} that nobody asked for" for name in stray}
    yield from _each(strays, "PgBouncer has {} pools that nobody asked for: {}")
    known = [seen[name] for name in sorted(expected.keys() & seen.keys())]
    yield from _faults(known, expected, held=held)
    yield from _waits([pool for pool in known if _late(pool, longest) and not (held and pool.paused)])


def _faults(known: Sequence[Pool], expected: Expected, *, held: bool) -> Iterator[str]:
    astray = {
        pool.name: f"pool {pool.name} leads to {','.join(pool.hosts)} instead of {','.join(expected[pool.name])}"
        for pool in known
        if not leads(pool, expected[pool.name])
    }
    yield from _each(astray, "PgBouncer leads {} pools wrong: {}")
    paused = [pool.name for pool in known if pool.paused and not held]
    yield from _each({name: f"pool {name} is paused" for name in paused}, "{} pools are paused: {}")
    disabled = [pool.name for pool in known if pool.disabled and not pool.paused]
    yield from _each({name: f"pool {name} is disabled" for name in disabled}, "{} pools are disabled: {}")


def _waits(late: Sequence[Pool]) -> Iterator[str]:
    texts = {
        pool.name: f"{pool.clients_waiting} clients wait in pool {pool.name}, the longest for "
        f"{human_seconds(pool.max_wait)}"
        for pool in late
    }
    clients, longest = sum(pool.clients_waiting for pool in late), max((pool.max_wait for pool in late), default=0.0)
    many = f"{clients} clients wait in {{}} pools, the longest for {human_seconds(longest)}: {{}}"
    yield from _each(texts, many, _LONGER)


def _each(problems: Mapping[str, str], many: str, remedy: str = _UP) -> Iterator[str]:
    """A reason for each pool; one for all where they are ``many``."""
    if len(problems) <= _SINGLE:
        yield from (with_remedy(problem, remedy) for problem in problems.values())
    else:
        yield with_remedy(many.format(len(problems), some(tuple(problems))), remedy)


def _late(pool: Pool, longest: float) -> bool:
    return bool(pool.clients_waiting) and pool.max_wait > longest


def out_of_pools(snapshot: Snapshot, expected: Expected) -> dict[str, str]:
    """Nodes that are out of pools of several, by the health service's doing (cluster/read_pool.py), and of which."""
    found: dict[str, list[str]] = {}
    for pool in snapshot.pooler.pools:
        wanted = expected.get(pool.name, ())
        if len(wanted) > 1 and leads(pool, wanted):
            for node in (name for name in wanted if name not in pool.hosts):
                found.setdefault(node, []).append(pool.name)
    return {node: some(names) for node, names in found.items()}


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
