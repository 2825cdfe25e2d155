"""The cluster as data: what every answer, the page and its stream of events are cut from. Pure.

Names and units are those of `inv status --json`: sizes in bytes, durations and ages in seconds, None where unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cluster.config.env_file import Settings
from cluster.endpoints import host_endpoint
from cluster.naming import node_of_slot, slot_of
from cluster.observed.nodes import Slot
from cluster.observed.snapshot import Snapshot
from cluster.pgbouncer import Pool
from cluster.pools import pools, synchronous_count
from cluster.postgres.lsn import Lsn, bytes_behind
from cluster.topology import Topology
from cluster.verdict import Thresholds, Verdict, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything known at one moment.

    ``written`` is how far the primary was known to have written, also when it is away now: replicas keep their lag.
    ``backup`` is the backup service's status, None where there is none.
    """

    settings: Settings
    topology: Topology
    snapshot: Snapshot
    verdict: Verdict
    pools: Mapping[str, tuple[str, ...]]
    written: Lsn | None = None
    backup: Mapping[str, Any] | None = None

    def lag(self, name: str) -> int | None:
        """WAL bytes that a replica has yet to replay."""
        facts = self.snapshot.nodes[name].facts
        return bytes_behind(self.written, facts.lsn) if facts else None

    def write_lag(self, name: str) -> int | None:
        """WAL bytes that a replica has yet to receive."""
        facts = self.snapshot.nodes[name].facts
        return bytes_behind(self.written, facts.received_lsn or facts.lsn) if facts else None


def make_view(
    settings: Settings,
    topology: Topology,
    snapshot: Snapshot,
    *,
    written: Lsn | None = None,
    backup: Mapping[str, Any] | None = None,
) -> View:
    """Judge a snapshot by the thresholds of the settings; ``written`` where more is known than it says."""
    primary = snapshot.primary
    wanted = pools(settings, topology)
    limits, needed = Thresholds.of(settings), synchronous_count(settings)
    return View(
        settings=settings,
        topology=topology,
        snapshot=snapshot,
        verdict=judge(topology, snapshot, wanted, synchronous=needed, thresholds=limits),
        pools=wanted,
        written=written if written is not None or primary is None or primary.facts is None else primary.facts.lsn,
        backup=backup,
    )


def overview(view: View) -> dict[str, Any]:
    """The whole cluster; the age is added when it is sent."""
    primary = view.snapshot.primary
    return {
        "project": view.topology.project,
        "status": "healthy" if view.verdict.healthy else "degraded",
        "healthy": view.verdict.healthy,
        "reasons": list(view.verdict.reasons),
        "notes": list(view.verdict.notes),
        "primary": primary.name if primary else None,
        "nodes": [node(view, name) for name in view.topology.names],
        "pools": [pool(view, name) for name in view.pools],
        "slots": slots(primary.slots if primary else ()),
        "backup": dict(view.backup) if view.backup is not None else None,
        "taken": round(view.snapshot.taken, 3),
    }


def node(view: View, name: str) -> dict[str, Any]:
    """One node."""
    snapshot, wanted = view.snapshot, view.topology.role(name)
    reading, held = snapshot.nodes[name], snapshot.slot(slot_of(name))
    facts, standby = reading.facts, snapshot.standby(name)
    own = view.verdict.about.get(name, ())
    return {
        "name": name,
        "role": _role(facts.in_recovery) if facts else wanted,
        "wanted_role": wanted,
        "member": view.topology.node(name).state == "member",
        "state": state(view, name),
        "healthy": not own,
        "reasons": list(own),
        "port": host_endpoint(view.settings, view.topology, name)[1],
        "timeline": facts.timeline if facts else None,
        "lsn": str(facts.lsn) if facts else None,
        "received_lsn": str(facts.received_lsn) if facts and facts.received_lsn else None,
        "lag_bytes": view.lag(name) if wanted == "replica" else None,
        "lag_seconds": snapshot.lag_seconds(name) if wanted == "replica" else None,
        "sync": standby.sync_state if standby else None,
        "slot": held.name if held else None,
        "wal_status": held.wal_status if held else None,
        "retained_bytes": held.retained_bytes if held else None,
        "io_method": facts.io_method if facts else None,
        "uptime": facts.uptime if facts else None,
        "connections": facts.connections if facts else None,
        "pending_restart": list(facts.pending_restart) if facts else [],
        "error": reading.error,
    }


def state(view: View, name: str) -> str:
    """A primary runs; a replica's state is its WAL receiver's."""
    facts = view.snapshot.nodes[name].facts
    if facts is None:
        return "not answering"
    return (facts.receiver_status or "not streaming") if facts.in_recovery else "running"


def replication(view: View) -> dict[str, Any]:
    """Lags and slots."""
    replicas = [node(view, replica.name) for replica in view.topology.replicas]
    primary = view.snapshot.primary
    return {
        "healthy": primary is not None and all(replica["healthy"] for replica in replicas),
        "primary": primary.name if primary else None,
        "written": str(view.written) if view.written is not None else None,
        "replicas": replicas,
        "slots": slots(primary.slots if primary else ()),
        "taken": round(view.snapshot.taken, 3),
    }


def slots(held: Iterable[Slot]) -> list[dict[str, Any]]:
    """The primary's slots, each with the node it belongs to."""
    return [{**asdict(slot), "node": node_of_slot(slot.name)} for slot in held]


def members(view: View) -> dict[str, Any]:
    """Patroni's `/cluster`: the same names and words, for tools that read it."""
    return {
        "scope": view.topology.project,
        "members": [_member(view, name) for name in view.topology.names],
        "taken": round(view.snapshot.taken, 3),
    }


def _member(view: View, name: str) -> dict[str, Any]:
    facts, standby = view.snapshot.nodes[name].facts, view.snapshot.standby(name)
    sync = {"sync": "sync_standby", "quorum": "quorum_standby"}.get(standby.sync_state if standby else "", "replica")
    leads = facts is not None and not facts.in_recovery
    lag = {} if leads else {"lag": "unknown" if (bytes_ := view.lag(name)) is None else bytes_}
    return {
        "name": name,
        "role": "leader" if leads else sync,
        "state": state(view, name) if facts else "stopped",
        "host": name,
        "port": 5432,
        "timeline": facts.timeline if facts else None,
        **lag,
    }


def _role(in_recovery: bool) -> str:
    return "replica" if in_recovery else "primary"


def pool(view: View, name: str) -> dict[str, Any]:
    """One pool."""
    found = next((p for p in view.snapshot.pooler.pools if p.name == name), None)
    return {"name": name, "target": list(found.hosts if found else view.pools[name]), **_counts(found)}


def _counts(pool: Pool | None) -> dict[str, Any]:
    return {
        "clients": pool.clients_active if pool else None,
        "waiting": pool.clients_waiting if pool else None,
        "max_wait": pool.max_wait if pool else None,
        "servers_active": pool.servers_active if pool else None,
        "servers_idle": pool.servers_idle if pool else None,
        "size": pool.size if pool else None,
        "paused": (pool.paused or pool.disabled) if pool else None,
    }
