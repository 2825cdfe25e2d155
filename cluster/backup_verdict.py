"""What the backup service's status says against the cluster: the archive, the backups, the drill. Pure.

Nothing here is a node's reason: a primary whose WAL is not archived serves as before (docs/decisions/0038). What waits
longer than the alerts allow is said without Prometheus, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from cluster.backup_status import ArchivedStore, ArchiveStatus, BackupAttempts, BackupStatus, StoreStatus
from cluster.config.settings import Settings
from cluster.remedies import with_remedy
from cluster.services import store_names
from cluster.units import human_seconds, human_size

SILENT = 120.0
"""Seconds without a word of the archiver; as the alert PodsWalArchiveSilent."""
NOT_RECEIVED = 60.0
"""Seconds without a stream of WAL from a primary that answers."""
REFUSED = 60.0
"""Seconds that a store which refuses may be behind."""
BEHIND = 300.0
"""Seconds that a store which is only slow may be behind; as the alert PodsWalArchiveStalled."""
OVERDUE = 2.5
"""Times the interval of the schedule; as the alert PodsBackupTooOld."""
_LOGS = "inv logs --service backup says more"
_MEND = f"mend the store; {_LOGS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRules:
    """What is asked of backups: the stores there shall be, how often the tail is stored (seconds), whether to drill."""

    stores: tuple[str, ...]
    tail_seconds: float
    drills: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(
            stores=store_names(settings),
            tail_seconds=settings.backup_tail_seconds,
            drills=settings.backup_drill_schedule != "off",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupVerdict:
    """Judges one status at the Unix time ``now``; ``primary``: whether there is one to archive."""

    rules: BackupRules
    status: BackupStatus
    now: float
    primary: bool = True

    def reasons(self) -> Iterator[str]:
        """What makes the cluster degraded."""
        yield from self._archive(self.status.archive)
        yield from self.kept()

    def kept(self) -> Iterator[str]:
        """Of the backups alone, whose state does not pass when the service is down."""
        for name in self.rules.stores:
            yield from self._backups(name)
            yield from self._damage(name, self.status.stores.get(name, StoreStatus()))
        yield from self._drill()

    def notes(self) -> Iterator[str]:
        """What is worth knowing."""
        archive, running = self.status.archive, self.status.running
        if archive and 2 * archive.spool_bytes >= archive.spool_limit > 0 and not _full(archive):
            sizes = f"{human_size(archive.spool_bytes)} of {human_size(archive.spool_limit)}"
            yield with_remedy(f"the spool of the WAL archive fills: {sizes}", _LOGS)
        if archive and archive.full_wanted and not running:
            yield with_remedy(f"a full backup is needed: {archive.full_wanted}", "it is taken by itself")
        for name in self.rules.stores:
            store = self.status.stores.get(name, StoreStatus())
            if store.error:
                yield with_remedy(f"store {name} could not be looked through: {store.error}", _MEND)
            if self._success(name) is None and self._failure(name) is None and not running:
                yield with_remedy(
                    f"there is no backup in store {name} yet", "the first is taken by itself, in a minute"
                )

    def _archive(self, archive: ArchiveStatus | None) -> Iterator[str]:
        error = f": {self.status.error}" if self.status.error else ""
        if archive is None:
            yield with_remedy(f"no WAL is archived yet{error}", _LOGS)
            return
        silence = self.now - archive.updated
        if silence > SILENT:
            yield with_remedy(f"no WAL has been archived for {human_seconds(silence)}{error}", f"run: inv up; {_LOGS}")
            return
        unheard = self.now - archive.streamed if archive.streamed is not None else 0.0
        if self.primary and not archive.streaming and unheard > NOT_RECEIVED:
            why = f": {archive.error}" if archive.error else ""
            problem = f"no WAL has been received for the archive for {human_seconds(unheard)}{why}"
            yield with_remedy(problem, f"run: inv up; {_LOGS}")
        for store in archive.stores:
            yield from self._store(store)
        if _full(archive):
            sizes = f"{human_size(archive.spool_bytes)} of {human_size(archive.spool_limit)}"
            problem = f"the spool of the WAL archive is full ({sizes}): WAL stays on the primary"
            yield with_remedy(
                problem, "mend the store before PODS_WAL_BUDGET is spent, or raise BACKUP_SPOOL, then inv up"
            )

    def _store(self, store: ArchivedStore) -> Iterator[str]:
        limit = (REFUSED if store.error else BEHIND) + 2 * self.rules.tail_seconds
        if store.lag > limit:
            why = f": {store.error}" if store.error else ""
            yield with_remedy(f"the WAL archive in store {store.name} is {human_seconds(store.lag)} behind{why}", _MEND)

    def _backups(self, store: str) -> Iterator[str]:
        success, failure = self._success(store), self._failure(store)
        if failure is not None and failure > (success or 0.0):
            why = f": {self.status.last_error}" if self.status.last_error else ""
            problem = f"the last backup into store {store} failed {human_seconds(self.now - failure)} ago{why}"
            yield with_remedy(problem, "mend that, then run: inv backup.now")
        elif success is not None and self.status.interval and self.now - success > OVERDUE * self.status.interval:
            problem = f"the last backup in store {store} is {human_seconds(self.now - success)} old, and overdue"
            yield with_remedy(problem, f"run: inv backup.now; {_LOGS}")

    def _damage(self, name: str, store: StoreStatus) -> Iterator[str]:
        if store.broken:
            problem = f"{store.broken} backups in store {name} are damaged"
            remedy = (
                "run: inv backup.now --type full; inv backup.list names the damaged, inv backup.delete takes one away"
            )
            yield with_remedy(problem, remedy)
        if store.missing:
            problem = f"{store.missing} segments of WAL are missing in store {name}, and no gap explains it"
            remedy = "run: inv backup.now --type full; inv backup.windows shows what can be restored"
            yield with_remedy(problem, remedy)

    def _drill(self) -> Iterator[str]:
        drill, interval = self.status.drill, self.status.drill_interval
        if drill and not drill.ok:
            problem = f"the last drill, {human_seconds(self.now - drill.when)} ago, could not restore {drill.backup}"
            yield with_remedy(problem, "run: inv backup.drill, which says why")
            return
        since = drill.when if drill else self._first_moment()
        if self.rules.drills and interval and since is not None and self.now - since > OVERDUE * interval:
            ago = human_seconds(self.now - since)
            yield with_remedy(f"no backup has been restored on trial for {ago}", f"run: inv backup.drill; {_LOGS}")

    def _first_moment(self) -> float | None:
        """Since when there has been something to hold a drill with."""
        known = [store.oldest for store in self.status.stores.values() if store.oldest is not None]
        return min(known, default=None)

    def _success(self, store: str) -> float | None:
        return max((at for each in self._attempts(store) if (at := each.last_success) is not None), default=None)

    def _failure(self, store: str) -> float | None:
        return max((at for each in self._attempts(store) if (at := each.last_failure) is not None), default=None)

    def _attempts(self, store: str) -> list[BackupAttempts]:
        return [each for name, each in self.status.backups.items() if name.partition("/")[2] == store]


def _full(archive: ArchiveStatus) -> bool:
    """Whether nothing more is received."""
    return 0 < archive.spool_limit <= archive.spool_bytes
