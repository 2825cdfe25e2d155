"""A view: the settings, the topology, a snapshot and the verdict on it, at one moment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cluster.backup_status import BackupSummary
from cluster.config.settings import Settings
from cluster.history import PrimaryChange
from cluster.hosts.hosts_reading import HostsReading
from cluster.hosts.hosts_verdict import HostsVerdict
from cluster.observed.snapshot import Snapshot
from cluster.observed_topology import is_member, with_observed
from cluster.pools import pools_of_databases, synchronous_count
from cluster.postgres.lsn import Lsn
from cluster.service_verdict import ServicesReading, ServicesVerdict
from cluster.topology import Topology
from cluster.verdict import Thresholds, Verdict, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything known at one moment. ``databases`` says which database each of the ``pools`` is of.

    ``written`` is how far the primary was known to have written, also when it is away now: replicas keep their lag.
    ``backup`` is the backup service's summary, None where there is none; ``primary_change`` how the node that shall be
    the primary came to be it, where the journal says so. ``hosts`` is what Docker hosts answered, where Patroni decides
    who is the primary; ``topology`` then has the one that is, as far as one is.
    """

    settings: Settings
    topology: Topology
    snapshot: Snapshot
    verdict: Verdict
    pools: Mapping[str, tuple[str, ...]]
    databases: Mapping[str, str]
    written: Lsn | None = None
    backup: BackupSummary | None = None
    primary_change: PrimaryChange | None = None
    hosts: HostsReading | None = None

    def lag(self, name: str) -> int | None:
        """WAL bytes that a replica has yet to replay."""
        return self.snapshot.lag_bytes(name, self.written)

    def write_lag(self, name: str) -> int | None:
        """WAL bytes that a replica has yet to receive."""
        return self.snapshot.receive_lag_bytes(name, self.written)


def make_view(
    settings: Settings,
    topology: Topology,
    snapshot: Snapshot,
    *,
    written: Lsn | None = None,
    services: ServicesReading | None = None,
    latest: PrimaryChange | None = None,
    hosts: HostsReading | None = None,
) -> View:
    """Judge a snapshot by the thresholds of the settings; ``written`` wins over what it says of it.

    ``latest`` is the journal's latest change, of which nothing is said while the topology is ahead of it.

    Without ``services`` nodes and PgBouncer alone are judged, as `up` does, which waits for them.
    """
    topology = with_observed(topology, _observed_primary(snapshot, hosts))
    if hosts is not None:
        snapshot = _with_absent(snapshot, hosts)
    known = snapshot.position(written)
    served = tuple(pools_of_databases(settings, topology))
    wanted = {pool: hosts for _, pool, hosts in served}
    limits, needed = Thresholds.of(settings), synchronous_count(settings)
    verdict = judge(topology, snapshot, wanted, synchronous=needed, thresholds=limits, written=known)
    if hosts is not None:
        verdict = _with_hosts(verdict, topology, snapshot, hosts)
    if services is not None:
        primary = snapshot.primary is not None
        more = ServicesVerdict(
            settings=settings,
            reading=services,
            now=snapshot.taken,
            primary=primary,
            supervised=topology.engine == "local",
        )
        verdict = verdict.with_more(more.reasons(), more.notes())
    backup = services.backup if services else None
    return View(
        settings=settings,
        topology=topology,
        snapshot=snapshot,
        verdict=verdict,
        pools=wanted,
        databases={pool: database.name for database, pool, _ in served},
        written=known,
        backup=backup.summary if backup else None,
        primary_change=latest if latest and _is_latest(latest, topology, snapshot) else None,
        hosts=hosts,
    )


def _is_latest(change: PrimaryChange, topology: Topology, snapshot: Snapshot) -> bool:
    """Where Patroni decides a primary may have been another one meanwhile, on a timeline that nobody noted yet."""
    if change.primary != topology.primary:
        return False
    node = snapshot.primary
    now = node.facts.timeline if node and node.facts else None
    return topology.engine == "local" or None in (now, change.timeline) or now == change.timeline


def _observed_primary(snapshot: Snapshot, hosts: HostsReading | None) -> str | None:
    """Of several that take writes the one with the lease."""
    leader = hosts.leader if hosts else None
    if leader in snapshot.writable:
        return leader
    return snapshot.primary.name if snapshot.primary else None


def _with_absent(snapshot: Snapshot, reading: HostsReading) -> Snapshot:
    """A server that does not answer on a host where nothing does is told by that."""
    away = {name: host.away for name, host in reading.hosts.items() if host.away}
    nodes = {
        name: replace(node, error=away[name], away=True) if node.facts is None and name in away else node
        for name, node in snapshot.nodes.items()
    }
    return replace(snapshot, nodes=nodes)


def _with_hosts(verdict: Verdict, topology: Topology, snapshot: Snapshot, reading: HostsReading) -> Verdict:
    """With what agents and votes say, those of one node's own among the node's."""
    facts = {name: node.facts for name, node in snapshot.nodes.items() if node.facts}
    hosts = HostsVerdict(
        reading=reading,
        nodes=tuple(name for name in topology.names if is_member(topology, name)),
        answering=facts.keys(),
        restarts={name: each.pending_restart for name, each in facts.items()},
    )
    own = hosts.about()
    names = [name for name in topology.names if name in verdict.about or name in own]
    about = {name: (*verdict.about.get(name, ()), *own.get(name, ())) for name in names}
    more = [*hosts.reasons(), *(reason for reasons in own.values() for reason in reasons)]
    return replace(verdict.with_more(more, hosts.notes()), about=about)
