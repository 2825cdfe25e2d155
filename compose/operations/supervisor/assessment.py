"""The replicas, when the primary is gone: who may take over, and what would be lost with each."""

from dataclasses import replace

from cluster.observed.snapshot import Snapshot
from cluster.postgres.lsn import Lsn
from cluster.units import human_size
from compose.operations.preflight import free_disk
from compose.operations.promotion.loss import Successor
from compose.operations.promotion.outlook import FailoverOrder, read_outlook
from compose.operations.promotion.successors import successors
from compose.operations.supervisor.decision import FailoverCandidate
from compose.stack import Stack

ROOM = 128 << 20
"""Bytes: a server that has less left soon ends, as the one before it may have."""
HEARD_SECONDS = 2.0
"""A replica that heard from the primary within them is its witness."""


def assess(stack: Stack, written: Lsn | None) -> tuple[FailoverCandidate, ...]:
    """Every replica, the one that has received most first; ``written`` is how far the primary was seen to be."""
    without = replace(stack.topology, nodes=stack.topology.replicas)
    snapshot = stack.with_topology(without).snapshot()
    ordered = sorted(successors(stack, snapshot), key=lambda each: (each.timeline, each.received), reverse=True)
    return tuple(_judged(stack, snapshot, each, written) for each in ordered)


def _judged(stack: Stack, snapshot: Snapshot, replica: Successor, written: Lsn | None) -> FailoverCandidate:
    if host := stack.topology.node(replica.name).host:
        return FailoverCandidate(name=replica.name, unfit=f"is on host {host}", witness=_hears(snapshot, replica.name))
    unfit = replica.unfit or _cramped(stack, replica.name)
    if unfit:
        return FailoverCandidate(name=replica.name, unfit=unfit)
    loss = read_outlook(stack, FailoverOrder(to=replica.name, allowed=None, known=written)).loss
    return FailoverCandidate(
        name=replica.name, loss=0 if loss.none else loss.size, witness=_hears(snapshot, replica.name)
    )


def _cramped(stack: Stack, name: str) -> str:
    """A full disk ends one server after the other: another primary on it would be no help."""
    left = free_disk(stack.home.node(name))
    return f"has {human_size(left)} left on its disk" if left < ROOM else ""


def _hears(snapshot: Snapshot, name: str) -> bool:
    facts = snapshot.nodes[name].facts
    silence = facts.receiver_silence if facts and facts.receiver_status == "streaming" else None
    return silence is not None and silence < HEARD_SECONDS
