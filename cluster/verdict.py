"""The verdict: compares the desired topology with the observed snapshot, and gives reasons in words. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from cluster.config.settings import Settings
from cluster.naming import node_of_slot, slot_of
from cluster.observed.snapshot import Snapshot
from cluster.postgres.lsn import Lsn
from cluster.topology import Topology
from cluster.units import human_seconds, human_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From when on something is a reason: bytes, seconds."""

    lag_bytes: int = 64 << 20
    silence: float = 30.0
    pool_wait: float = 5.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(lag_bytes=settings.health_lag, silence=settings.health_silence, pool_wait=settings.health_wait)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Healthy when there is no reason against it. Notes are worth knowing and do not make it degraded.

    ``about`` holds, by node, those of the reasons that are one node's own.
    """

    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    about: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.reasons


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
    own = {topology.primary: tuple(_primary(topology, snapshot))}
    own |= {node.name: tuple(_replica(topology, snapshot, node.name, limits, written)) for node in topology.replicas}
    reasons = [
        *(reason for reasons in own.values() for reason in reasons),
        *_half_done(topology),
        *_synchronous(snapshot, synchronous),
        *_pools(snapshot, expected_pools, limits),
        *_strays(topology, snapshot),
    ]
    about = {name: reasons for name, reasons in own.items() if reasons}
    return Verdict(tuple(reasons), tuple(_notes(snapshot)), about)


def _primary(topology: Topology, snapshot: Snapshot) -> Iterator[str]:
    reading = snapshot.nodes[topology.primary]
    if len(snapshot.writable) > 1:
        yield "two nodes take writes: " + " and ".join(snapshot.writable)
    if reading.facts is None:
        yield f"{topology.primary} (primary) does not answer: {reading.error}"
    elif reading.facts.in_recovery:
        yield f"{topology.primary} should be the primary and is in recovery"
    elif topology.system_identifier and reading.facts.system_identifier != topology.system_identifier:
        yield f"{topology.primary} serves another cluster's data (system identifier {reading.facts.system_identifier})"


def _replica(
    topology: Topology, snapshot: Snapshot, name: str, limits: Thresholds, written: Lsn | None
) -> Iterator[str]:
    reading, slot = snapshot.nodes[name], snapshot.slot(slot_of(name))
    if slot is not None and slot.wal_status == "lost":
        why = f"slot {slot.name}: {slot.invalidation_reason}"
        yield f"{name} has lost its place in the WAL ({why}); run: inv replica.reclone --name {name}"
    if snapshot.primary is not None and slot is None:
        yield f"{name} has no replication slot {slot_of(name)} on {topology.primary}; run: inv up"
    if reading.facts is None:
        yield f"{name} (replica) does not answer: {reading.error}"
        return
    if not reading.facts.in_recovery:
        yield f"{name} should be a replica and takes writes"
        return
    yield from _stream(snapshot, name, limits, written)


def _stream(snapshot: Snapshot, name: str, limits: Thresholds, written: Lsn | None) -> Iterator[str]:
    facts, standby = snapshot.nodes[name].facts, snapshot.standby(name)
    lag = snapshot.lag_bytes(name, written)
    assert facts is not None
    if facts.receiver_status != "streaming":
        yield f"{name} does not stream from the primary"
    elif facts.receiver_silence is not None and facts.receiver_silence > limits.silence:
        yield f"{name} has not heard from the primary for {human_seconds(facts.receiver_silence)}"
    elif snapshot.primary is not None and (standby is None or standby.state != "streaming"):
        yield f"{name} is {standby.state if standby else 'unknown'} to the primary"
    if lag is not None and lag > limits.lag_bytes:
        yield f"{name} is {human_size(lag)} behind"


def _synchronous(snapshot: Snapshot, needed: int) -> Iterator[str]:
    """Commits wait for ever when fewer synchronous replicas stream than they need."""
    if snapshot.primary is None or not needed:
        return
    waiting_for = [
        s for s in snapshot.primary.standbys if s.sync_state in ("sync", "quorum") and s.state == "streaming"
    ]
    if len(waiting_for) < needed:
        yield f"commits wait: {needed} synchronous replicas are asked for and {len(waiting_for)} stream"


def _pools(snapshot: Snapshot, expected: Mapping[str, tuple[str, ...]], limits: Thresholds) -> Iterator[str]:
    if snapshot.pooler.error:
        yield f"PgBouncer does not answer: {snapshot.pooler.error}"
        return
    seen = {pool.name: pool for pool in snapshot.pooler.pools}
    for name in sorted(expected.keys() - seen.keys()):
        yield f"PgBouncer has no pool {name}; run: inv up"
    for name in sorted(seen.keys() - expected.keys()):
        yield f"PgBouncer has a pool {name} that nobody asked for; run: inv up"
    for name in sorted(expected.keys() & seen.keys()):
        pool = seen[name]
        if set(pool.hosts) != set(expected[name]):
            yield f"pool {name} leads to {','.join(pool.hosts)} instead of {','.join(expected[name])}; run: inv up"
        if pool.paused or pool.disabled:
            yield f"pool {name} is {'paused' if pool.paused else 'disabled'}"
        if pool.clients_waiting and pool.max_wait > limits.pool_wait:
            yield f"{pool.clients_waiting} clients wait in pool {name}, the longest for {human_seconds(pool.max_wait)}"


def _half_done(topology: Topology) -> Iterator[str]:
    for node in topology.replicas:
        if node.state != "member":
            yield f"{node.name} is {node.state.replace('_', ' ')}, which an operation did not finish; run: inv up"


def _strays(topology: Topology, snapshot: Snapshot) -> Iterator[str]:
    for slot in snapshot.primary.slots if snapshot.primary else ():
        node = node_of_slot(slot.name)
        if node is not None and node not in topology.names:
            yield f"slot {slot.name} belongs to no node and holds back {human_size(slot.retained_bytes)} of WAL"


def _notes(snapshot: Snapshot) -> Iterator[str]:
    methods = {reading.facts.io_method for reading in snapshot.nodes.values() if reading.facts}
    for reading in snapshot.nodes.values():
        if reading.facts and reading.facts.io_method == "worker" and "io_uring" in methods:
            yield f"{reading.name} runs with io_method worker, since this host gave it no io_uring (see its log)"
        if reading.facts and reading.facts.pending_restart:
            names = ", ".join(reading.facts.pending_restart)
            yield f"{reading.name} needs a restart for {names}; run: inv restart"
