"""The verdict: compares the desired topology with the observed snapshot, and gives reasons in words. Pure.

What is a reason, what only a note, and whom it concerns: docs/decisions/0038.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from cluster.config.settings import Settings
from cluster.observed.nodes import NodeReading
from cluster.observed.snapshot import Snapshot
from cluster.observed_topology import member_slot
from cluster.parameter_verdict import altered, overridden, waiting_commits
from cluster.pool_verdict import absences, out_of_pools, pool_reasons, stale
from cluster.postgres.lsn import Lsn
from cluster.remedies import with_remedy
from cluster.slot_verdict import foreign_slots, prepared_hosts, stray_slots
from cluster.standby_topology import followers
from cluster.topology import Topology
from cluster.units import human_seconds, human_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From when on something is a reason: bytes, seconds."""

    lag_bytes: int = 64 << 20
    silence: float = 30.0
    pool_wait: float = 5.0
    read_lag: float = 60.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(
            lag_bytes=settings.health_lag,
            silence=settings.health_silence,
            pool_wait=settings.health_wait,
            read_lag=settings.read_lag,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Healthy when there is no reason against it. Notes are worth knowing and do not make it degraded.

    ``about`` holds, by node, those of the reasons that are one node's own: no other takes a node out of a balancer.
    Each reason ends in what to do about it.
    """

    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    about: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.reasons

    def with_more(self, reasons: Iterable[str], notes: Iterable[str]) -> Self:
        """The same with reasons and notes that are no node's."""
        return replace(self, reasons=(*self.reasons, *reasons), notes=(*self.notes, *notes))


_UP = "run: inv up"
_SLOT = {"local": _UP, "patroni": "Patroni makes it within its pace; else see its log"}


def judge(
    topology: Topology,
    snapshot: Snapshot,
    expected_pools: Mapping[str, tuple[str, ...]],
    *,
    synchronous: int = 0,
    thresholds: Thresholds | None = None,
    written: Lsn | None = None,
) -> Verdict:
    """Compare desired and observed.

    Args:
        synchronous: how many replicas a commit shall wait for.
        thresholds: of what is worth a reason.
        written: how far the primary is known to have written, for while it is away.
    """
    limits = thresholds or Thresholds()
    slots = snapshot.primary.slots if snapshot.primary else ()
    own = {topology.primary: tuple(_primary(topology, snapshot))}
    own |= {node.name: tuple(_replica(topology, snapshot, node.name, limits, written)) for node in topology.replicas}
    leaderless = topology.engine == "patroni" and snapshot.primary is None
    out = out_of_pools(snapshot, expected_pools)
    own |= {name: tuple(stale(snapshot, name, out[name], limits.read_lag)) for name in out if not own[name]}
    reasons = [
        *(reason for reasons in own.values() for reason in reasons),
        *_half_done(topology),
        *_synchronous(snapshot, synchronous, limits),
        *pool_reasons(snapshot, expected_pools, limits.pool_wait, held=leaderless),
        *_primary_port(topology, snapshot),
        *stray_slots(topology, slots),
    ]
    about = {name: reasons for name, reasons in own.items() if reasons}
    notes = (
        *absences(out, about),
        *_returning(topology),
        *prepared_hosts(topology, slots),
        *_notes(snapshot),
        *foreign_slots(topology, slots, limits.lag_bytes),
    )
    return Verdict(tuple(reasons), notes, about)


def _primary(topology: Topology, snapshot: Snapshot) -> Iterator[str]:
    reading = snapshot.nodes[topology.primary]
    yield from overridden(reading)
    if len(snapshot.writable) > 1:
        others = ", ".join(name for name in snapshot.writable if name != topology.primary)
        first = others.split(", ")[0]
        stop = f"stop what writes to {others}, then run: inv replica.reclone --name {first}"
        if topology.engine == "patroni":
            stop = f"inv hosts.status says which one holds the lease; if that is {topology.primary}: stop {others}"
        yield with_remedy("two nodes take writes: " + " and ".join(snapshot.writable), stop)
    if reading.facts is None:
        yield _silent(topology, reading, "primary")
    elif reading.facts.in_recovery:
        if topology.engine == "patroni":
            return  # which node leads is Patroni's, and that none does is said of the hosts
        problem = f"{topology.primary} should be the primary and is in recovery"
        yield with_remedy(problem, f"see inv logs --service {topology.primary}")
    elif topology.system_identifier and reading.facts.system_identifier != topology.system_identifier:
        found = reading.facts.system_identifier
        problem = f"{topology.primary} serves another cluster's data (system identifier {found})"
        yield with_remedy(
            problem, f"run inv down, put this cluster's data back into data/{topology.primary}, then inv up"
        )


def _silent(topology: Topology, reading: NodeReading, role: str) -> str:
    """Why a server cannot be read: it is away, alone or with its host, or it is there and lets nobody in."""
    name = f"{reading.name} ({role})"
    if reading.away:
        remedy = f"start it: its node follows by itself; if it is lost for good: inv hosts.remove {reading.name} --gone"
        return with_remedy(f"{name} does not answer, nor does anything else on its host: {reading.error}", remedy)
    if reading.speaks:
        remedy = "who is connected goes on; end what holds a lock on pg_authid or pg_database, else run: inv restart"
        return with_remedy(f"{name} lets nobody log in: {reading.error}", remedy)
    remedy = _UP if topology.engine == "local" else f"{_UP}; where its data is lost: inv replica.reclone {reading.name}"
    return with_remedy(f"{name} does not answer: {reading.error}", remedy)


def _replica(
    topology: Topology, snapshot: Snapshot, name: str, limits: Thresholds, written: Lsn | None
) -> Iterator[str]:
    reading, slot = snapshot.nodes[name], snapshot.slot(member_slot(topology, name))
    reclone = f"run: inv replica.reclone --name {name}"
    if slot is not None and slot.wal_status == "lost":
        why = f": {slot.invalidation_reason}" if slot.invalidation_reason else ""
        yield with_remedy(f"{name} has lost its place in the WAL (slot {slot.name}{why})", reclone)
    if snapshot.primary is not None and slot is None:
        yield with_remedy(
            f"{name} has no replication slot {member_slot(topology, name)} on {topology.primary}",
            _SLOT[topology.engine],
        )
    if reading.facts is None:
        yield _silent(topology, reading, "replica")
        return
    yield from overridden(reading)
    if not reading.facts.in_recovery:
        yield with_remedy(f"{name} should be a replica and takes writes", reclone)
        return
    yield from _stream(topology, snapshot, name, limits, written)


def _stream(
    topology: Topology, snapshot: Snapshot, name: str, limits: Thresholds, written: Lsn | None
) -> Iterator[str]:
    facts, standby = snapshot.nodes[name].facts, snapshot.standby(name)
    if topology.engine == "patroni" and snapshot.primary is None:
        return  # it follows whoever Patroni elects
    lag, logs = snapshot.lag_bytes(name, written), f"inv logs --service {name} says why"
    assert facts is not None
    if facts.receiver_status != "streaming":
        yield with_remedy(f"{name} does not stream from the primary", f"{logs}; run: inv up")
    elif facts.receiver_silence is not None and facts.receiver_silence > limits.silence:
        silence = human_seconds(facts.receiver_silence)
        yield with_remedy(f"{name} has not heard from the primary for {silence}", f"{logs}; run: inv up")
    elif snapshot.primary is not None and (standby is None or standby.state != "streaming"):
        state = standby.state if standby else "unknown"
        yield with_remedy(f"{name} is {state} to the primary", f"it catches up by itself; else {logs}")
    if lag is not None and lag > limits.lag_bytes:
        cure = "it catches up by itself, unless a query there holds replay back"
        yield with_remedy(f"{name} is {human_size(lag)} behind", cure)


def _synchronous(snapshot: Snapshot, needed: int, limits: Thresholds) -> Iterator[str]:
    """Commits wait for ever when fewer synchronous replicas stream than they need, whoever said that they shall."""
    if snapshot.primary is None:
        return
    yield from waiting_commits(snapshot.primary, limits.pool_wait)
    if not needed:
        return
    waiting_for = [
        s for s in snapshot.primary.standbys if s.sync_state in ("sync", "quorum") and s.state == "streaming"
    ]
    if len(waiting_for) < needed:
        problem = f"commits wait: {needed} synchronous replicas are asked for and {len(waiting_for)} stream"
        yield with_remedy(problem, "run: inv up; or ask for fewer with PODS_SYNC")


def _primary_port(topology: Topology, snapshot: Snapshot) -> Iterator[str]:
    """Only where there is a primary to lead to: without one the port leads to nobody, as it should."""
    port = snapshot.port
    if port is None or snapshot.primary is None or snapshot.primary.name != topology.primary:
        return
    if port.error:
        yield with_remedy(f"PODS_PRIMARY_PORT leads nowhere: {port.error}", f"{_UP}; inv logs --service haproxy")
    elif port.node != topology.primary:
        yield with_remedy(f"PODS_PRIMARY_PORT leads to {port.node} instead of {topology.primary}", _UP)


def _half_done(topology: Topology) -> Iterator[str]:
    for node in topology.replicas:
        if node.state != "member" and node.name not in followers(topology):
            yield with_remedy(f"{node.name} is {node.state.replace('_', ' ')}, which an operation did not finish", _UP)


def _returning(topology: Topology) -> Iterator[str]:
    """Nothing is wrong with a return that somebody began: it may wait for as long as it streams."""
    if names := followers(topology):
        problem = f"{', '.join(names)} here {'follow' if names[1:] else 'follows'}, for a return to this machine"
        yield with_remedy(problem, "inv hosts.back goes on; inv hosts.unprepare gives it up")


def _notes(snapshot: Snapshot) -> Iterator[str]:
    methods = {name: reading.facts.io_method for name, reading in snapshot.nodes.items() if reading.facts}
    without = [name for name, method in methods.items() if method == "worker"]
    if without and "io_uring" in methods.values():
        problem = f"without io_uring, which this host did not give them at their start: {', '.join(without)}"
        yield with_remedy(problem, f"only speed is lost; inv logs --service {without[0]} says why")
    for reading in snapshot.nodes.values():
        yield from altered(reading)
        if reading.facts and reading.facts.pending_restart:
            names = ", ".join(reading.facts.pending_restart)
            yield with_remedy(f"{reading.name} needs a restart for {names}", "run: inv restart")
