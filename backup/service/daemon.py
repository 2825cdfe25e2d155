"""`serve`: archive WAL without end, take backups and hold drills when they are due, follow settings and topology."""

import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace

from backup.base.backup_lock import BackupRunningError
from backup.schedule import Schedule, due, due_kind, parse_schedule
from backup.service.context import ServiceContext, open_context, open_status
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
from cluster.log_filter import LogFilter
from cluster.postgres.failures import ConnectError

_SCHEDULE_SECONDS = 10.0
_RETRY_SECONDS = 300.0
"""After a backup that failed, so long until the next try."""
_RECONNECT_SECONDS = 20.0
"""The same for one that lost its server, or found none: another one is the primary by then, mostly."""
_SURVEY_SECONDS = 600.0
_PATIENCE = 5.0


def log(line: str) -> None:
    """To the container's log."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - its log


_complaints = LogFilter(log)


def complain(error: PodsError) -> str:
    """To the log, unless it is there: what is tried every few seconds may fail for days. Returns the line."""
    line = f"{error.message}{f' → {error.hint}' if error.hint else ''}"
    _complaints(line)
    return line


class BackupDaemon:
    """One run of the service, from start to stop."""

    def __init__(self, window: MountedConfig) -> None:
        self._window = window
        self._stop = threading.Event()
        self._tried, self._pause = 0.0, _RETRY_SECONDS
        self._status = open_status()
        self._mender = ResyncWorker(self._stop, log)
        self._drilling: threading.Thread | None = None

    def run(self) -> None:
        """Serve until told to stop; settings or topology that changed begin anew within seconds."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        _begin(self._status)
        keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        keeper.start()
        while not self._stop.is_set():
            try:
                self._archive(open_context(self._window))
            except PodsError as error:
                _publish(self._status, complain(error))
                self._stop.wait(_PATIENCE)

    def _archive(self, context: ServiceContext) -> None:
        """Archive until told to stop, or until what we were told changed."""
        identity = self._identity(context)
        for store in context.stores:
            _prepare(store.probe)
            _prepare(lambda store=store: claim(store, identity))  # type: ignore[misc]
        settings = context.inside.settings
        options = ArchiverOptions(
            spool=context.spool,
            report=self._status.report,
            spool_limit=settings.backup_spool,
            shipping=Shipping(tail_seconds=settings.backup_tail_seconds),
        )
        source = WalSource(nodes=context.nodes, primary=lambda: self._window.read().topology.primary)
        changed = threading.Event()
        watch = threading.Thread(target=self._watch, args=(context.inside, changed), daemon=True)
        watch.start()
        _publish(self._status, "")
        log(f"archiving {settings.project} into {', '.join(store.name for store in context.stores)}")
        Archiver(identity, source, context.stores, options, log).run(changed)
        changed.set()

    def _identity(self, context: ServiceContext) -> ArchiveIdentity:
        """The cluster's; of a primary that does not answer, what was known before."""
        primary = context.inside.topology.primary
        try:
            found = fetch_identity(context.access(primary), primary)
        except PodsError:
            known = remembered(context.spool)
            if known is None or known.system_identifier != context.system:
                raise
            return known
        if found.system_identifier != context.system:
            raise RefusedError(f"{primary} serves another cluster's data", "run: inv up")
        return found

    def _watch(self, known: ClusterConfig, changed: threading.Event) -> None:
        """Set ``changed`` when the service stops or its files say something new."""
        while not changed.is_set():
            if self._stop.wait(1.0) or _differs(self._window, known):
                changed.set()

    def _keep(self) -> None:
        """Backups, drills and retention, when they are due."""
        while not self._stop.wait(_SCHEDULE_SECONDS):
            try:
                self._run_due(open_context(self._window))
            except PodsError as error:
                complain(error)
            except OSError as error:
                _complaints(f"the schedule cannot be looked at: {error}")
            except Exception:  # noqa: BLE001 - a bug must not end the schedule
                traceback.print_exc()

    def _run_due(self, context: ServiceContext) -> None:
        settings, now = context.inside.settings, time.time()
        if _is_old(context, now):
            survey(context)
        if self._may_try() and _is_due(context, now):
            survey(context)  # somebody may just have taken one
            if _is_due(context, now):
                self._take(context, now)
        last = _oldest(context, lambda store: store.last_started)
        if settings.backup_drill_schedule != "off" and last is not None:
            self._drill(context, last, now)
        self._mender.run(context)

    def _may_try(self) -> bool:
        return self._tried == 0.0 or time.monotonic() - self._tried > self._pause

    def _take(self, context: ServiceContext, now: float) -> None:
        self._tried, self._pause = time.monotonic(), _RETRY_SECONDS
        full = _schedule(context.inside.settings.backup_full_schedule, context)
        kind = due_kind(full, _oldest(context, lambda store: store.last_full), now)
        log(f"taking {'a full' if kind == 'full' else 'an incremental'} backup")
        try:
            taken = take_backup(context, kind, log)
        except BackupRunningError:
            self._tried = 0.0  # looked at again when that one is done
            return
        except ConnectError:
            self._pause = _RECONNECT_SECONDS
            raise
        self._tried = 0.0
        log(f"{taken.backup.name} is in {', '.join(taken.stores)} after {taken.seconds:.0f} s")
        for line in prune(context, log, dry_run=False):
            log(line)

    def _drill(self, context: ServiceContext, first: float, now: float) -> None:
        """Due since the last one, or since there is a backup to hold one with. Backups do not wait for it.

        It may take hours, and whoever runs in the sandbox may make it last.
        """
        if self._drilling is not None and self._drilling.is_alive():
            return
        last = context.status_file.read().drill
        since = last.when if last else first
        if _schedule(context.inside.settings.backup_drill_schedule, context).missed(min(since, now), now) is None:
            return
        self._drilling = threading.Thread(target=_hold_drill, args=(context,), name="drill", daemon=True)
        self._drilling.start()


def _begin(status: StatusFile) -> None:
    """A disk that is full must not keep the spool on it from being shipped."""
    try:
        status.begin()
    except OSError as error:
        log(f"the status cannot be written: {error}")


def _publish(status: StatusFile, error: str) -> None:
    """Let others know what keeps the service from archiving; a full disk must not end it."""
    try:
        if status.read().error != error:
            status.change(lambda known: replace(known, error=error))
    except OSError as failure:
        log(f"the status cannot be written: {failure}")


def _hold_drill(context: ServiceContext) -> None:
    try:
        found = drill(context, context.store(), log)
        log(f"drill: {'passed' if found.ok else 'FAILED: ' + '; '.join(found.problems)}")
    except PodsError as error:
        complain(error)
    except Exception:  # noqa: BLE001 - a bug must not end the schedule
        traceback.print_exc()


def _oldest(context: ServiceContext, what: Callable[[StoreStatus], float | None]) -> float | None:
    """The earliest of what each store says of ``what``; None where one has nothing."""
    stores = context.status_file.read().stores
    times = [what(stores[store.name]) if store.name in stores else None for store in context.stores]
    known = [when for when in times if when is not None]
    return min(known) if len(known) == len(times) else None


def _is_old(context: ServiceContext, now: float) -> bool:
    """Whether the last look at the stores is; or a store is another one by now. A clock may be set back."""
    status = context.status_file.read()
    known = {name: store.address for name, store in status.stores.items()}
    moved = any(known.get(store.name) != context.address(store.name) for store in context.stores)
    return moved or abs(now - status.updated) > _SURVEY_SECONDS


def _is_due(context: ServiceContext, now: float) -> bool:
    last = _oldest(context, lambda store: store.last_started)
    schedule = _schedule(context.inside.settings.backup_schedule, context)
    return bool(full_wanted(context.spool / context.system)) or due(schedule, last, now)


def _schedule(expression: str, context: ServiceContext) -> Schedule:
    return parse_schedule(expression, context.inside.settings.backup_time_zone)


def _prepare(work: Callable[[], object]) -> None:
    """A store that does not answer now is tried again by its shipper; what it says is for the log."""
    try:
        lines = work()
    except PodsError as error:
        if isinstance(error, RefusedError):
            raise
        complain(error)
        return
    for line in lines if isinstance(lines, tuple) else ():
        log(line)


def _differs(window: MountedConfig, known: ClusterConfig) -> bool:
    try:
        return window.read() != known
    except PodsError:
        return False
