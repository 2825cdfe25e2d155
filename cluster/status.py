"""The status of the cluster, typed: what `inv status`, the API, the page and its event stream are made from. Pure.

Field names are the JSON keys, in their order; `health/openapi.py` makes JSON Schema from these types. Sizes are bytes,
durations and ages seconds, None is unknown.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from cluster.backup_status import BackupSummary
from cluster.documents import OMIT_NONE
from cluster.endpoints import host_endpoint
from cluster.history import PrimaryChange
from cluster.hosts.hosts_status import HostsStatus, hosts_status
from cluster.observed.nodes import NodeFacts, Slot, Standby
from cluster.observed.primary_port import PortStatus, port_status
from cluster.observed_topology import member_slot, slot_owner
from cluster.pool_status import PoolStatus, Seconds, pool_statuses
from cluster.topology import ReadPool, Role
from cluster.view import View

Bytes = Annotated[int, "bytes"]
Moment = Annotated[float, "Unix time of the look"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One node. ``role`` is what it is, or should be where it does not answer; ``wanted_role`` what it should be.

    ``pool`` says whether a replica shall take part in the pool of all readers, or has its own alone. ``host`` is the
    Docker host of config/hosts.toml it is on, "" for this machine.
    """

    name: str
    host: str
    role: Role
    wanted_role: Role
    member: bool
    pool: ReadPool | None
    state: str
    healthy: bool
    reasons: tuple[str, ...]
    port: int
    timeline: int | None
    lsn: str | None
    received_lsn: str | None
    lag_bytes: Bytes | None
    lag_seconds: Seconds | None
    sync: str | None
    slot: str | None
    wal_status: str | None
    retained_bytes: Bytes | None
    io_method: str | None
    uptime: Seconds | None
    connections: int | None
    pending_restart: tuple[str, ...]
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotStatus:
    """A replication slot on the primary, physical or logical, and the node of this cluster that it belongs to."""

    name: str
    type: str
    active: bool
    wal_status: str | None
    safe_wal_size: Bytes | None
    invalidation_reason: str | None
    inactive_seconds: Seconds | None
    retained_bytes: Bytes | None
    node: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """The whole cluster."""

    project: str
    status: Literal["healthy", "degraded"]
    healthy: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    primary: str | None
    primary_change: PrimaryChange | None
    primary_port: PortStatus
    nodes: tuple[NodeStatus, ...]
    pools: tuple[PoolStatus, ...]
    slots: tuple[SlotStatus, ...]
    backup: BackupSummary | None
    hosts: HostsStatus | None = field(default=None, metadata=OMIT_NONE)
    taken: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicationStatus:
    """Lags and slots. ``written``: how far the primary is known to have written."""

    healthy: bool
    primary: str | None
    written: str | None
    replicas: tuple[NodeStatus, ...]
    slots: tuple[SlotStatus, ...]
    taken: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus:
    """A node in the words of Patroni's `/cluster`; a leader has no lag."""

    name: str
    role: Literal["leader", "replica", "sync_standby", "quorum_standby"]
    state: str
    host: str
    port: int
    timeline: int | None
    lag: int | Literal["unknown"] | None = field(default=None, metadata=OMIT_NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberList:
    """Patroni's `/cluster`: the same names and words, for tools that read it."""

    scope: str
    members: tuple[MemberStatus, ...]
    taken: Moment


def cluster_status(view: View) -> ClusterStatus:
    """The whole cluster."""
    primary = view.snapshot.primary
    return ClusterStatus(
        project=view.topology.project,
        status="healthy" if view.verdict.healthy else "degraded",
        healthy=view.verdict.healthy,
        reasons=view.verdict.reasons,
        notes=view.verdict.notes,
        primary=primary.name if primary else None,
        primary_change=view.primary_change,
        primary_port=port_status(view.settings.primary_port, view.snapshot.port),
        nodes=tuple(node_status(view, name) for name in view.topology.names),
        pools=pool_statuses(view),
        slots=_slots(view),
        backup=view.backup,
        hosts=hosts_status(view.settings.hosts, view.hosts) if view.hosts else None,
        taken=round(view.snapshot.taken, 3),
    )


def node_status(view: View, name: str) -> NodeStatus:
    """One node."""
    snapshot, wanted = view.snapshot, view.topology.role(name)
    reading, slot, standby = (
        snapshot.nodes[name],
        snapshot.slot(member_slot(view.topology, name)),
        snapshot.standby(name),
    )
    facts, reasons = reading.facts, view.verdict.about.get(name, ())
    return NodeStatus(
        name=name,
        host=view.topology.node(name).host,
        role=_role(facts, wanted),
        wanted_role=wanted,
        member=view.topology.node(name).state == "member",
        pool=view.topology.node(name).pool if wanted == "replica" else None,
        state=node_state(facts),
        healthy=not reasons,
        reasons=reasons,
        port=host_endpoint(view.settings, view.topology, name)[1],
        timeline=facts.timeline if facts else None,
        lsn=str(facts.lsn) if facts else None,
        received_lsn=str(facts.received_lsn) if facts and facts.received_lsn else None,
        lag_bytes=view.lag(name) if wanted == "replica" else None,
        lag_seconds=snapshot.lag_seconds(name) if wanted == "replica" else None,
        sync=standby.sync_state if standby else None,
        slot=slot.name if slot else None,
        wal_status=slot.wal_status if slot else None,
        retained_bytes=slot.retained_bytes if slot else None,
        io_method=facts.io_method if facts else None,
        uptime=facts.uptime if facts else None,
        connections=facts.connections if facts else None,
        pending_restart=facts.pending_restart if facts else (),
        error=reading.error,
    )


def node_state(facts: NodeFacts | None) -> str:
    """A primary runs; a replica's state is its WAL receiver's."""
    if facts is None:
        return "not answering"
    return (facts.receiver_status or "not streaming") if facts.in_recovery else "running"


def _role(facts: NodeFacts | None, wanted: Role) -> Role:
    if facts is None:
        return wanted
    return "replica" if facts.in_recovery else "primary"


def replication_status(view: View) -> ReplicationStatus:
    """Lags and slots."""
    replicas = tuple(node_status(view, replica.name) for replica in view.topology.replicas)
    primary = view.snapshot.primary
    return ReplicationStatus(
        healthy=primary is not None and all(replica.healthy for replica in replicas),
        primary=primary.name if primary else None,
        written=str(view.written) if view.written is not None else None,
        replicas=replicas,
        slots=_slots(view),
        taken=round(view.snapshot.taken, 3),
    )


def _slots(view: View) -> tuple[SlotStatus, ...]:
    primary = view.snapshot.primary
    return tuple(_slot(view, slot) for slot in (primary.slots if primary else ()))


def _slot(view: View, slot: Slot) -> SlotStatus:
    return SlotStatus(
        name=slot.name,
        type=slot.type,
        active=slot.active,
        wal_status=slot.wal_status,
        safe_wal_size=slot.safe_wal_size,
        invalidation_reason=slot.invalidation_reason,
        inactive_seconds=slot.inactive_seconds,
        retained_bytes=slot.retained_bytes,
        node=slot_owner(view.topology, slot.name) if slot.type == "physical" else None,
    )


def member_list(view: View) -> MemberList:
    """Every node as Patroni would list it."""
    members = tuple(_member(view, name) for name in view.topology.names)
    return MemberList(scope=view.topology.project, members=members, taken=round(view.snapshot.taken, 3))


def _member(view: View, name: str) -> MemberStatus:
    facts, lag = view.snapshot.nodes[name].facts, view.lag(name)
    leads = facts is not None and not facts.in_recovery
    return MemberStatus(
        name=name,
        role="leader" if leads else _standby_role(view.snapshot.standby(name)),
        state=node_state(facts) if facts else "stopped",
        host=name,
        port=5432,
        timeline=facts.timeline if facts else None,
        lag=None if leads else "unknown" if lag is None else lag,
    )


def _standby_role(standby: Standby | None) -> Literal["replica", "sync_standby", "quorum_standby"]:
    match standby.sync_state if standby else "":
        case "sync":
            return "sync_standby"
        case "quorum":
            return "quorum_standby"
    return "replica"
