"""Looking through the stores: what is there, to which moments one can go back, what was proven when."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from backup.annotations import Hold, Verified, read_holds, read_verified
from backup.catalog import Backup, read_catalog
from backup.damage import damaged_ones
from backup.drill import Drill, read_last
from backup.layout import parse_segment, parse_wal_key, wal_prefix
from backup.recovery_windows import Missing, RecoveryWindow, audit, find_windows
from backup.restore.wal_coverage import WalCoverage, make_archive
from backup.retention import Policy, decide, wal_needs
from backup.schedule import parse_schedule
from backup.service.context import ServiceContext
from backup.service.status_file import with_catalog, with_store
from backup.store import MOST_WAL_LISTED, Store, at_most
from backup.timelines import Histories
from backup.trust import untrusted_ones
from backup.wal.gaps import read_gaps
from backup.wal.identity import segment_size
from cluster.backup_status import BackupStatus, DrillStatus, StoreStatus
from cluster.errors import PodsError
from cluster.lock import FileLock
from cluster.postgres.lsn import Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInventory:
    """All of one cluster in one store: backups, marks on them, and WAL with the bytes it takes."""

    backups: tuple[Backup, ...]
    archive: WalCoverage
    holds: dict[str, Hold]
    verified: dict[str, Verified]
    wal_keys: tuple[str, ...]
    wal_bytes: int

    @property
    def windows(self) -> tuple[RecoveryWindow, ...]:
        """The intervals that can be restored to."""
        return find_windows(self.restorable, self.archive)

    @property
    def damaged(self) -> Mapping[str, str]:
        """Backups that are known to be damaged, and why."""
        return damaged_ones(self.backups, self.verified)

    @property
    def restorable(self) -> tuple[Backup, ...]:
        """The others."""
        damaged = self.damaged
        return tuple(backup for backup in self.backups if backup.name not in damaged)

    @property
    def leading(self) -> tuple[Backup, ...]:
        """Those of them behind which no WAL is known to be damaged, so that they lead to the present."""
        size = self.archive.wal_segment_size
        damaged = [parse_segment(segment, size) for segment in self.archive.damaged]
        return tuple(
            backup
            for backup in self.restorable
            if not any(lost.timeline >= backup.timeline and lost.end > Lsn.parse(backup.start_lsn) for lost in damaged)
        )

    @property
    def segments(self) -> tuple[str, ...]:
        """Every segment of which there is something, in order."""
        found = (parse_wal_key(key) for key in self.wal_keys)
        return tuple(sorted({wal.segment for wal in found if wal is not None and wal.segment is not None}))

    @property
    def histories(self) -> Histories:
        """Of its timelines."""
        return self.archive.histories


def read_holdings(store: Store, system: str) -> StoreInventory:
    """Read a store through. Costs a listing of all its WAL."""
    backups, size = read_catalog(store, system), segment_size(store, system)
    pieces = at_most(store.list(wal_prefix(system)), MOST_WAL_LISTED, "pieces of WAL")
    listed = [(stored, found) for stored in pieces if (found := parse_wal_key(stored.key))]
    return StoreInventory(
        backups=backups,
        archive=make_archive(store, system, [(found, stored.made) for stored, found in listed], size),
        holds=read_holds(store, system),
        verified=read_verified(store, system),
        wal_keys=tuple(stored.key for stored, found in listed if found.segment),
        wal_bytes=sum(stored.size for stored, _ in listed),
    )


def missing_wal(store: Store, system: str, holdings: StoreInventory, policy: Policy) -> tuple[Missing, ...]:
    """Segments that are not where they should be; a recorded gap explains some.

    What a backup that is kept for itself alone does not need has been removed on purpose.
    """
    gaps: dict[int, list[tuple[int, int]]] = {}
    for gap in read_gaps(store, system):
        gaps.setdefault(gap.timeline, []).append((Lsn.parse(gap.from_lsn), Lsn.parse(gap.to_lsn)))
    decisions = decide(
        holdings.backups,
        policy,
        time.time(),
        holds=holdings.holds,
        histories=holdings.histories,
        damaged=holdings.damaged,
    )
    needs = wal_needs(decisions, holdings.histories, holdings.archive.wal_segment_size)
    found = audit(holdings.backups, holdings.archive, gaps)
    return tuple(lost for lost in found if not needs.may_go(lost.segment))


def survey(context: ServiceContext) -> None:
    """Write what metrics tell of the stores into the status; a store that does not answer keeps what it had.

    One at a time: an older look must not take the place of a newer one, which knows of one backup more.
    """
    with FileLock.of_file(context.home / "survey.lock") as lock:
        lock.wait()
        _survey(context)


def _survey(context: ServiceContext) -> None:
    settings = context.inside.settings
    interval = _interval(context, settings.backup_schedule)
    drill_interval = _interval(context, settings.backup_drill_schedule)
    found = {store.name: _inspect(context, store) for store in context.stores}
    drills = [each.drill for each in found.values() if each.drill]

    def change(status: BackupStatus) -> BackupStatus:
        for name, each in found.items():
            status = with_catalog(with_store(status, name, each.store), name, each.backups)
        drill = drills[-1] if drills else status.drill
        if all(each.read for each in found.values()):
            status = _without_gone(status, [backup for each in found.values() for backup in each.backups])
        return replace(status, updated=time.time(), interval=interval, drill=drill, drill_interval=drill_interval)

    context.status_file.change(change)


def _interval(context: ServiceContext, expression: str) -> float | None:
    """The longest time between two moments of a schedule; None of one that is off."""
    if expression == "off":
        return None
    return parse_schedule(expression, context.inside.settings.backup_time_zone).longest_gap(time.time())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    """Of one store: what its part of the status becomes, its backups, and the last drill."""

    store: Callable[[StoreStatus], StoreStatus]
    backups: tuple[Backup, ...] = ()
    drill: DrillStatus | None = None
    read: bool = True
    """It could be."""


def _inspect(context: ServiceContext, store: Store) -> _Survey:
    address = context.address(store.name)
    try:
        holdings = read_holdings(store, context.system)
        found = _summary(holdings, missing_wal(store, context.system, holdings, context.retention))
        last = read_last(store, context.system)
    except PodsError as error:
        message = error.message
        return _Survey(store=lambda before: replace(_of(before, address), error=message), read=False)
    return _Survey(
        store=lambda before: replace(found, address=address, mended=_of(before, address).mended or 0),
        backups=holdings.backups,
        drill=_drill_status(last) if last else None,
    )


def _drill_status(last: Drill) -> DrillStatus:
    return DrillStatus(when=last.when, ok=last.ok, rto=last.rto, backup=last.backup, databases=len(last.databases))


def _of(before: StoreStatus, address: str) -> StoreStatus:
    """What is remembered of a store, if it is still at that address; a version before this one noted none."""
    return before if before.address in ("", address) else StoreStatus(address=address)


def _without_gone(status: BackupStatus, backups: Sequence[Backup]) -> BackupStatus:
    """With the newest there is as the last backup, where that is in no store any more."""
    if any(backup.name == status.last_backup for backup in backups):
        return status
    newest = max(backups, key=attrgetter("stopped"), default=None)
    name, stopped = (newest.name, newest.stopped) if newest else (None, None)
    return replace(status, last_backup=name, last_success=stopped)


def _summary(holdings: StoreInventory, missing: tuple[Missing, ...]) -> StoreStatus:
    """A backup that is damaged, or leads over damaged WAL, does not count as taken: another is due at once."""
    windows, good = holdings.windows, holdings.leading
    return StoreStatus(
        counts=dict(Counter(backup.kind for backup in holdings.backups)),
        bytes=sum(backup.size for backup in holdings.backups),
        wal_bytes=holdings.wal_bytes,
        oldest=min((window.since for window in windows), default=None),
        newest=max((window.until for window in windows), default=None),
        missing=sum(not lost.known for lost in missing),
        lost=len(missing),
        verified=max((mark.when for mark in holdings.verified.values() if mark.ok), default=None),
        broken=len(holdings.damaged),
        untrusted=len(untrusted_ones(holdings.backups)),
        last_full=max((b.started for b in good if b.kind == "full"), default=None),
        last_started=max((b.started for b in good), default=None),
    )
