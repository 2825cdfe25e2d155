"""A view: the settings, the topology, a snapshot and the verdict on it, at one moment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.backup_status import BackupSummary
from cluster.config.settings import Settings
from cluster.history import PrimaryChange
from cluster.observed.snapshot import Snapshot
from cluster.pools import pools, synchronous_count
from cluster.postgres.lsn import Lsn
from cluster.service_verdict import ServicesReading, ServicesVerdict
from cluster.topology import Topology
from cluster.verdict import Thresholds, Verdict, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything known at one moment.

    ``written`` is how far the primary was known to have written, also when it is away now: replicas keep their lag.
    ``backup`` is the backup service's summary, None where there is none; ``primary_change`` how the node that shall be
    the primary came to be it, where the journal says so.
    """

    settings: Settings
    topology: Topology
    snapshot: Snapshot
    verdict: Verdict
    pools: Mapping[str, tuple[str, ...]]
    written: Lsn | None = None
    backup: BackupSummary | None = None
    primary_change: PrimaryChange | None = None

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
) -> View:
    """Judge a snapshot by the thresholds of the settings; ``written`` wins over what it says of it.

    ``latest`` is the journal's latest change, of which nothing is said while the topology is ahead of it.

    Without ``services`` nodes and PgBouncer alone are judged, as `up` does, which waits for them.
    """
    known = snapshot.position(written)
    wanted = pools(settings, topology)
    limits, needed = Thresholds.of(settings), synchronous_count(settings)
    verdict = judge(topology, snapshot, wanted, synchronous=needed, thresholds=limits, written=known)
    if services is not None:
        primary = snapshot.primary is not None
        more = ServicesVerdict(settings=settings, reading=services, now=snapshot.taken, primary=primary)
        verdict = verdict.with_more(more.reasons(), more.notes())
    backup = services.backup if services else None
    return View(
        settings=settings,
        topology=topology,
        snapshot=snapshot,
        verdict=verdict,
        pools=wanted,
        written=known,
        backup=backup.summary if backup else None,
        primary_change=latest if latest and latest.primary == topology.primary else None,
    )
