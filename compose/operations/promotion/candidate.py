"""Who can become the primary, and what stands in the way of it now."""

from dataclasses import dataclass

from cluster.errors import RefusedError
from cluster.naming import ARCHIVE_SLOT
from cluster.observed.snapshot import Snapshot
from cluster.postgres.connection import connect, fetch_one
from cluster.topology import Topology
from cluster.units import human_size
from cluster.waiting import wait_until
from compose.operations.open_transactions import open_transactions
from compose.stack import Stack

CLOSE_ENOUGH = 16 << 20
"""Bytes: a candidate, or an archive, that is further behind would keep clients waiting."""
BACKUP_SECONDS = 30.0
"""For a backup to end, and for the archive to stream."""
LONG = 5.0
"""Seconds: a transaction that is open for longer may well be open for as long again, and clients would wait for it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The node that is to be the primary, and why it of all."""

    name: str
    reason: str


def choose(topology: Topology, snapshot: Snapshot, to: str | None) -> Candidate:
    """The candidate: ``to``, or the member that lacks least.

    Raises:
        RefusedError: nobody can take over; says why.
    """
    if topology.handover is not None:
        raise RefusedError(
            f"the change from {topology.handover.source} to {topology.primary} is not finished",
            "run inv up, which finishes it",
        )
    if to is not None and topology.node(to).name == topology.primary:
        raise RefusedError(f"{to} is the primary already", "choose a replica with --to")
    if snapshot.primary is None or snapshot.primary.name != topology.primary:
        raise RefusedError(f"{topology.primary} (primary) does not answer", "run inv up first")
    if to is not None:
        check_here(topology, to)
    if to is not None and topology.node(to).state != "member":
        raise RefusedError(f"{to} is {topology.node(to).state.replace('_', ' ')}", "run inv up first")
    reasons = {name: unfit(snapshot, name) for name in ([to] if to else candidates(topology))}
    fit = [name for name, reason in reasons.items() if not reason]
    if not fit:
        why = "; ".join(f"{name} {reason}" for name, reason in reasons.items()) or "there is no replica"
        raise RefusedError(f"nobody can take over: {why}", "run inv up first")
    best = min(fit, key=lambda name: _rank(topology, snapshot, name))
    lag = human_size(snapshot.lag_bytes(best) or 0)
    return Candidate(best, f"it lacks {lag}, " + ("as asked for" if to else f"the least of {len(fit)}"))


def _rank(topology: Topology, snapshot: Snapshot, name: str) -> tuple[bool, bool, int, int]:
    """One kept apart from readers last, synchronous ones first; by what they lack, where clients would notice."""
    standby = snapshot.standby(name)
    synchronous = standby is not None and standby.sync_state in ("sync", "quorum")
    apart = topology.node(name).pool == "own"
    return apart, not synchronous, (snapshot.lag_bytes(name) or 0) >> 20, topology.names.index(name)


def unfit_replicas(stack: Stack) -> dict[str, str]:
    """Every member, and why it cannot take over now; empty where it can."""
    snapshot = stack.snapshot()
    return {name: unfit(snapshot, name) for name in candidates(stack.topology)}


def candidates(topology: Topology) -> list[str]:
    """Members that may become the primary: what PODS does inside that, it does as superuser, who crosses no network."""
    return [name for name in topology.in_state("member") if not topology.node(name).host]


def check_here(topology: Topology, name: str) -> None:
    """Refuse one on another host.

    Raises:
        RefusedError: it is.
    """
    if host := topology.node(name).host:
        raise RefusedError(
            f"{name} is on host {host}, and a primary must be where PODS is: no superuser crosses the network",
            "if this machine is lost, docs/how-to/second-host.md says how its data goes on there; to fail over between "
            "hosts takes three votes: docs/how-to/hosts.md",
        )


def unfit(snapshot: Snapshot, name: str) -> str:
    """Why ``name`` cannot take over; empty where it can."""
    reading = snapshot.nodes[name]
    if reading.facts is None:
        return f"does not answer: {reading.error}"
    if snapshot.standby(name) is None:
        return "does not stream"
    lag = snapshot.lag_bytes(name)
    return f"is {human_size(lag)} behind" if lag is None or lag > CLOSE_ENOUGH else ""


def await_backups(stack: Stack, target: str) -> None:
    """Wait until nothing is read for a backup or a clone, and the archive is close: it would break, or lack something.

    The archive comes back by itself some seconds after the primary changed.

    Raises:
        TimedOutError: it does not get so; says what is in the way.
    """
    nodes = (stack.topology.primary, target)
    archived = "backup" in stack.optional_services

    def obstacle() -> str:
        reading = next((node for node in nodes if _is_read(stack, node)), None)
        if reading:
            return f"a backup or a clone is being read from {reading}"
        return archive_lacks(stack.snapshot()) if archived else ""

    wait_until(
        obstacle,
        timeout=BACKUP_SECONDS,
        what="backups and archive did not come to rest",
        hint="see inv status, and try again when that is over",
        pause=0.5,
    )


def _is_read(stack: Stack, node: str) -> bool:
    with connect(stack.monitor(node)) as connection:
        return bool(fetch_one(connection, "base_backups", lambda running: running))


def archive_lacks(snapshot: Snapshot) -> str:
    """What is wrong with the archive, or what it lacks; "" where it is close."""
    slot = snapshot.slot(ARCHIVE_SLOT)
    if slot is None or not slot.active:
        return "the archive does not stream"
    lacks = slot.retained_bytes or 0
    return f"the archive lacks {human_size(lacks)}" if lacks > 2 * CLOSE_ENOUGH else ""


def check_transactions(stack: Stack) -> None:
    """Refuse while somebody has a transaction open for long: clients would wait for its end."""
    if found := waited_for(stack):
        raise RefusedError(f"{found}, and clients would wait for its end", "let it end, or end it; then try again")


def waited_for(stack: Stack) -> str:
    """The transaction on the primary that has been open for longest, and for `LONG`; "" where there is none."""
    found = open_transactions(stack, stack.topology.primary, LONG)
    return next((str(each) for each in found if not each.base_backup), "")
