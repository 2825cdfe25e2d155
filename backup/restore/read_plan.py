"""A plan from a fresh reading of the archive, which is read again before a hole in it is believed."""

from collections.abc import Callable

from backup.annotations import read_verified
from backup.catalog import read_catalog
from backup.damage import damaged_ones
from backup.restore.plan import HoleError, Plan, plan
from backup.restore.target import RecoveryTarget
from backup.restore.wal_coverage import WalCoverage, read_archive
from backup.store import Store
from backup.wal.identity import segment_size
from backup.wal.record_search import RecordSearch
from cluster.waiting import attempts

_ARRIVAL_SECONDS = 10.0
"""Segments are stored side by side: so long one may come later than those behind it."""


def read_plan(make: Callable[[], Plan], timeout: float = _ARRIVAL_SECONDS, pause: float = 1.0) -> Plan:
    """What ``make`` reads and plans; where a segment is missing that others follow, it is called again.

    Raises:
        HoleError: the hole is still there after ``timeout`` seconds.
        PodsError: whatever else ``make`` raises, at once.
    """
    for left in attempts(timeout, pause):
        try:
            return make()
        except HoleError:
            if not left:
                raise
    raise AssertionError


def plan_from(
    store: Store,
    system: str,
    target: RecoveryTarget,
    name: str = "",
    timeline: int | None = None,
    known: Callable[[WalCoverage], WalCoverage] = lambda archive: archive,
    progress: Callable[[str], None] | None = None,
) -> Plan:
    """The plan for ``target`` from what a store has now, without what is known to be damaged.

    Args:
        store: where to restore from.
        system: system identifier of the cluster.
        target: where to stop.
        name: the backup to begin with; "": the best.
        timeline: the one to follow.
        known: adds to what the store shows of its WAL what is known of it otherwise.
        progress: told what is searched for a transaction or a restore point; None: it is not searched for.

    Raises:
        PodsError: it cannot be done; says why.
    """

    locate = None
    if progress is not None and target.kind in ("xid", "name"):
        locate = RecordSearch(store, system, target, progress).first

    def make() -> Plan:
        catalog = read_catalog(store, system)
        archive = known(read_archive(store, system, segment_size(store, system)))
        damaged = damaged_ones(catalog, read_verified(store, system))
        return plan(catalog, archive, target, name, timeline, damaged=damaged, locate=locate)

    return read_plan(make)
