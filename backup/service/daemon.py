"""`serve`: archive WAL without end, take backups and hold drills when they are due, follow settings and topology."""

import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable

from backup.schedule import Schedule, due, due_kind, parse_schedule
from backup.service.context import HOME, STATES, ServiceContext, open_ground
from backup.service.inventory import survey
from backup.service.prune import prune
from backup.service.resync_worker import ResyncWorker
from backup.service.run_backup import take_backup
from backup.service.status_file import StatusFile
from backup.service.verification import drill
from backup.wal.archiver import Archiver, ArchiverOptions
from backup.wal.gaps import full_wanted
from backup.wal.identity import ArchiveIdentity, claim, fetch_identity, remembered
from backup.wal.receiver import WalSource
from backup.wal.shipper import Shipping
from cluster.backup_status import StoreStatus
from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.errors import PodsError, RefusedError

_LOOK_SECONDS = 10.0
_RETRY_SECONDS = 300.0
"""After a backup that failed, so long until the next try."""
_SURVEY_SECONDS = 600.0
_PATIENCE = 5.0


def say(line: str) -> None:
    """To the container's log."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - its log


class BackupDaemon:
    """One run of the service, from start to stop."""

    def __init__(self, window: MountedConfig) -> None:
        self._window = window
        self._stop = threading.Event()
        self._tried = 0.0
        self._status = StatusFile(memory=HOME, shared=STATES)
        self._mender = ResyncWorker(self._stop, say)
        self._drilling: threading.Thread | None = None

    def run(self) -> None:
        """Serve until told to stop; settings or topology that changed begin anew within seconds."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        self._status.begin()
        keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        keeper.start()
        while not self._stop.is_set():
            try:
                self._archive(open_ground(self._window))
            except PodsError as error:
                say(f"{error.message}{f' → {error.hint}' if error.hint else ''}")
                self._stop.wait(_PATIENCE)

    def _archive(self, ground: ServiceContext) -> None:
        """Archive until told to stop, or until what we were told changed."""
        identity = self._identity(ground)
        for store in ground.stores:
            _prepare(store.probe)
            _prepare(lambda store=store: claim(store, identity))  # type: ignore[misc]
        settings = ground.inside.settings
        options = ArchiverOptions(
            spool=ground.spool,
            report=self._status.report,
            spool_limit=settings.backup_spool,
            shipping=Shipping(tail_seconds=settings.backup_tail_seconds),
        )
        source = WalSource(nodes=ground.nodes, primary=lambda: self._window.read().topology.primary)
        changed = threading.Event()
        watch = threading.Thread(target=self._watch, args=(ground.inside, changed), daemon=True)
        watch.start()
        say(f"archiving {settings.project} into {', '.join(store.name for store in ground.stores)}")
        Archiver(identity, source, ground.stores, options, say).run(changed)
        changed.set()

    def _identity(self, ground: ServiceContext) -> ArchiveIdentity:
        """The cluster's; of a primary that does not answer, what was known before."""
        primary = ground.inside.topology.primary
        try:
            found = fetch_identity(ground.access(primary), primary)
        except PodsError:
            known = remembered(ground.spool)
            if known is None or known.system_identifier != ground.system:
                raise
            return known
        if found.system_identifier != ground.system:
            raise RefusedError(f"{primary} serves another cluster's data", "run: inv up")
        return found

    def _watch(self, known: ClusterConfig, changed: threading.Event) -> None:
        """Set ``changed`` when the service stops or its files say something new."""
        while not changed.is_set():
            if self._stop.wait(1.0) or _differs(self._window, known):
                changed.set()

    def _keep(self) -> None:
        """Backups, drills and retention, when they are due."""
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                self._look(open_ground(self._window))
            except PodsError as error:
                say(f"{error.message}{f' → {error.hint}' if error.hint else ''}")
            except Exception:  # noqa: BLE001 - a bug must not end the schedule
                traceback.print_exc()

    def _look(self, ground: ServiceContext) -> None:
        settings, now = ground.inside.settings, time.time()
        if abs(now - ground.status_file.read().updated) > _SURVEY_SECONDS:  # a clock may be set back
            survey(ground)
        wanted = bool(full_wanted(ground.spool / ground.system))
        last = _oldest(ground, lambda store: store.last_started)
        if self._may_try() and (wanted or due(_schedule(settings.backup_schedule, ground), last, now)):
            self._take(ground, now)
        if settings.backup_drill_schedule != "off" and last is not None:
            self._drill(ground, last, now)
        self._mender.look(ground)

    def _may_try(self) -> bool:
        return self._tried == 0.0 or time.monotonic() - self._tried > _RETRY_SECONDS

    def _take(self, ground: ServiceContext, now: float) -> None:
        self._tried = time.monotonic()
        full = _schedule(ground.inside.settings.backup_full_schedule, ground)
        kind = due_kind(full, _oldest(ground, lambda store: store.last_full), now)
        say(f"taking {'a full' if kind == 'full' else 'an incremental'} backup")
        taken = take_backup(ground, kind, say)
        self._tried = 0.0
        say(f"{taken.backup.name} is in {', '.join(taken.stores)} after {taken.seconds:.0f} s")
        for line in prune(ground, say, dry_run=False):
            say(line)

    def _drill(self, ground: ServiceContext, first: float, now: float) -> None:
        """Due since the last one, or since there is a backup to hold one with. Backups do not wait for it.

        It may take hours, and whoever runs in the sandbox may make it last.
        """
        if self._drilling is not None and self._drilling.is_alive():
            return
        last = ground.status_file.read().drill
        since = last.when if last else first
        if _schedule(ground.inside.settings.backup_drill_schedule, ground).missed(min(since, now), now) is None:
            return
        self._drilling = threading.Thread(target=_hold_drill, args=(ground,), name="drill", daemon=True)
        self._drilling.start()


def _hold_drill(ground: ServiceContext) -> None:
    try:
        found = drill(ground, ground.store(), say)
        say(f"drill: {'passed' if found.ok else 'FAILED: ' + '; '.join(found.problems)}")
    except PodsError as error:
        say(f"{error.message}{f' → {error.hint}' if error.hint else ''}")
    except Exception:  # noqa: BLE001 - a bug must not end the schedule
        traceback.print_exc()


def _oldest(ground: ServiceContext, what: Callable[[StoreStatus], float | None]) -> float | None:
    """The earliest of what each store says of ``what``; None where one has nothing."""
    stores = ground.status_file.read().stores
    times = [what(stores[store.name]) if store.name in stores else None for store in ground.stores]
    known = [when for when in times if when is not None]
    return min(known) if len(known) == len(times) else None


def _schedule(expression: str, ground: ServiceContext) -> Schedule:
    return parse_schedule(expression, ground.inside.settings.backup_time_zone)


def _prepare(work: Callable[[], object]) -> None:
    """A store that does not answer now is tried again by its shipper; what it says is for the log."""
    try:
        told = work()
    except PodsError as error:
        if isinstance(error, RefusedError):
            raise
        say(error.message)
        return
    for line in told if isinstance(told, tuple) else ():
        say(line)


def _differs(window: MountedConfig, known: ClusterConfig) -> bool:
    try:
        return window.read() != known
    except PodsError:
        return False
