"""The replicas that could take over, as they are now, and whether that may be tried at all."""

from cluster.errors import RefusedError
from cluster.observed.nodes import NodeReading
from cluster.observed.snapshot import Snapshot
from cluster.postgres.lsn import Lsn
from cluster.topology import NodeState
from compose.operations.promotion.candidate import check_here
from compose.operations.promotion.fence import check_silent
from compose.operations.promotion.loss import Successor
from compose.operations.promotion.wal_files import timeline_at
from compose.stack import Stack

STREAMING: tuple[NodeState, ...] = ("member", "catching_up")
"""States of a replica that has a slot, and data that is whole."""


def check_possible(stack: Stack, to: str | None) -> str:
    """Why the primary does not answer.

    Raises:
        RefusedError: it does, or another change of it is not finished, or ``to`` is no replica that could take over.
    """
    topology = stack.topology
    if topology.handover is not None and topology.promoting:
        raise RefusedError(
            f"the change from {topology.handover.source} to {topology.primary} is not finished",
            "run inv up, which finishes it",
        )
    if to is not None:
        node = topology.node(to)
        check_here(topology, to)
        if to == topology.primary:
            raise RefusedError(f"{to} is the primary itself", "choose a replica with --to")
        if node.state not in STREAMING:
            raise RefusedError(
                f"{to} is {node.state.replace('_', ' ')}, and cannot take over", "choose another replica"
            )
    return check_silent(stack)


def successors(stack: Stack, snapshot: Snapshot) -> list[Successor]:
    """Every replica that is one, be it fit to take over or not."""
    names = stack.topology.in_state(*STREAMING)
    return [_successor(stack, snapshot.nodes[name]) for name in names]


def _successor(stack: Stack, reading: NodeReading) -> Successor:
    facts = reading.facts
    if facts is None:
        return _unfit(reading, f"does not answer: {reading.error}")
    if not facts.in_recovery:
        return _unfit(reading, "takes writes already; see inv status")
    if facts.system_identifier != stack.topology.system_identifier:
        return _unfit(reading, "has another cluster's data")
    received = Lsn(max(facts.lsn, facts.received_lsn or Lsn(0)))
    silent = facts.receiver_silence if facts.receiver_silence is not None else facts.lag_seconds or None
    timeline = max(facts.timeline, timeline_at(stack.home.node(reading.name), received))
    return Successor(name=reading.name, timeline=timeline, received=received, silent_for=silent)


def _unfit(reading: NodeReading, why: str) -> Successor:
    return Successor(name=reading.name, timeline=0, received=Lsn(0), unfit=why)
