"""What to do with PgBouncer's pools, from who is the primary, what PgBouncer has, and when. Pure.

Whoever reads calls `decide` for each reading, does what it answers in order, and hands its memory to the next call.
Nothing here can lose data: a pool that leads to the wrong node leads to one that refuses writes.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from guide.sighting import Sighting

GRACE = 1.5
"""Seconds for which answers may be missing before anybody is held back."""
PATIENCE = 110.0
"""Seconds for which clients are held back: less than query_wait_timeout (120); then they get errors, and may go on."""
STALE = 2.0
"""Seconds for which a client may be busy at a node that is the primary no more, while another one is.

A server that gives its role up ends such connections itself. One whose agent hangs, that is frozen or cut off does not:
a COMMIT waits there for replicas that follow another one now.
"""


class PoolerVerb(StrEnum):
    """Have the pools lead to the primary, hold their clients back, let them go on, end those busy at another node."""

    LEAD = "lead"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"


@dataclass(frozen=True, slots=True)
class PoolerAction:
    """``target``: the node, for LEAD; for END the one that clients are to be at; ``pools``: which, for the others."""

    verb: PoolerVerb
    target: str = ""
    pools: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolerReading:
    """The pools of the primary as PgBouncer has them. ``leads``: where all lead; "" where not all lead to one node.

    ``stale``: how many clients of theirs are busy at a node that is not the primary.
    """

    leads: str = ""
    pools: frozenset[str] = frozenset()
    paused: frozenset[str] = frozenset()
    stale: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideReading:
    """All at one moment: ``now`` of a monotonic clock. ``pooler`` is None where PgBouncer does not answer.

    ``written``: the node to which the file leads that PgBouncer reads; "" where it is not as it should be.
    ``held_since``: an operation holds the pools, since then; None: none does.
    """

    now: float
    sighting: Sighting
    pooler: PoolerReading | None
    written: str = ""
    held_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideMemory:
    """``holding``: the pools that it holds back. ``missed_since``: when a primary was missed first; a clock.

    ``gave_up``: it has let clients go on although there is no primary. ``held``: an operation held the pools.
    ``stale_since``: when a client was first busy at a node that is the primary no more; a clock.
    """

    leader: str = ""
    holding: frozenset[str] = frozenset()
    missed_since: float | None = None
    gave_up: bool = False
    held: bool = False
    stale_since: float | None = None


def decide(memory: GuideMemory, seen: GuideReading) -> tuple[GuideMemory, tuple[PoolerAction, ...]]:
    """The next memory, and what to do now."""
    leader = seen.sighting.leader
    stale_since, memory = memory.stale_since, replace(memory, leader=leader or memory.leader, stale_since=None)
    lead = _lead(seen)
    if seen.pooler is None:
        return memory, lead
    memory = replace(memory, holding=memory.holding & seen.pooler.paused)
    if seen.held_since is not None:  # what is still held back when that ends is let go here
        missed = min(seen.held_since, seen.now)
        return replace(memory, held=True, holding=seen.pooler.paused, missed_since=missed, gave_up=False), lead
    memory = replace(memory, held=False)
    if leader:
        actions = (*lead, *_resume(memory.holding))
        memory = replace(memory, holding=frozenset(), missed_since=None, gave_up=False)
        return (memory, actions) if lead or not seen.pooler.stale else _end_stale(memory, seen, stale_since, actions)
    return _without_leader(memory, seen, seen.pooler)


def _lead(seen: GuideReading) -> tuple[PoolerAction, ...]:
    leader = seen.sighting.leader
    led = seen.written == leader and (seen.pooler is None or seen.pooler.leads == leader)
    return () if not leader or led else (PoolerAction(PoolerVerb.LEAD, target=leader),)


def _end_stale(
    memory: GuideMemory, seen: GuideReading, since: float | None, actions: tuple[PoolerAction, ...]
) -> tuple[GuideMemory, tuple[PoolerAction, ...]]:
    since = seen.now if since is None else since
    if seen.now - since < STALE:
        return replace(memory, stale_since=since), actions
    return memory, (*actions, PoolerAction(PoolerVerb.END, target=memory.leader))


def _resume(pools: Collection[str]) -> tuple[PoolerAction, ...]:
    return (PoolerAction(PoolerVerb.RESUME, pools=frozenset(pools)),) if pools else ()


def _without_leader(
    memory: GuideMemory, seen: GuideReading, pooler: PoolerReading
) -> tuple[GuideMemory, tuple[PoolerAction, ...]]:
    since = seen.now if memory.missed_since is None else memory.missed_since
    memory = replace(memory, missed_since=since)
    waited = seen.now - since
    if waited >= PATIENCE and not seen.sighting.several:  # of two, no client shall choose one
        return replace(memory, gave_up=True, holding=frozenset()), _resume(memory.holding)
    running = pooler.pools - pooler.paused
    if not running or (waited < GRACE and not seen.sighting.certain) or (memory.gave_up and not seen.sighting.several):
        return memory, ()
    return replace(memory, holding=memory.holding | running), (PoolerAction(PoolerVerb.PAUSE, pools=running),)
