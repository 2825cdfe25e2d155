"""Taking a backup as the service does: from a healthy replica, into every store, recorded, then what is old goes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from backup.base import BackupOptions, BackupResult, BackupSite, take
from backup.base.backup_lock import BackupRunningError
from backup.catalog import read_catalog
from backup.layout import Kind, segments_between, wal_key
from backup.service.context import ServiceContext
from backup.service.inventory import survey
from backup.service.status_file import failed, succeeded
from backup.store import Store, StoreError
from backup.trust import TRUSTED_SINCE
from backup.wal.gaps import full_made, full_wanted
from backup.wal.identity import remembered
from cluster.backup_status import BackupStatus
from cluster.errors import MachineError, PodsError
from cluster.postgres.connection import Access, connect, execute
from cluster.postgres.lsn import Lsn

Progress = Callable[[str], None]


def take_backup(context: ServiceContext, kind: Kind, progress: Progress) -> BackupResult:
    """Take one and record how it went.

    Raises:
        PodsError: it could not be taken; that is recorded too.
    """
    wanted = full_wanted(context.spool / context.system)
    if wanted and kind != "full":
        progress(f"A full backup is needed: {wanted}")
        kind = "full"
    with _recorded(context, kind):
        taken = take(_site(context, _nodes(context, gap=bool(wanted)), progress), _options(context, kind))
    _note_success(context, taken)
    full_made(context.spool / context.system, taken.backup.start_lsn)
    survey(context)
    return taken


@contextmanager
def _recorded(context: ServiceContext, kind: Kind) -> Iterator[None]:
    before = context.status_file.read().running
    context.status_file.change(lambda status: replace(status, running=kind))
    try:
        yield
    except BackupRunningError:
        context.status_file.change(lambda status: replace(status, running=before))
        raise
    except PodsError as error:
        message = error.message
        context.status_file.change(lambda status: _with_failure(status, kind, context, message))
        raise
    except BaseException:
        context.status_file.change(lambda status: replace(status, running=""))
        raise
    context.status_file.change(lambda status: replace(status, running=""))


def _with_failure(status: BackupStatus, kind: Kind, context: ServiceContext, error: str) -> BackupStatus:
    for store in context.stores:
        status = failed(status, kind, store.name)
    return replace(status, running="", last_error=error)


def _note_success(context: ServiceContext, taken: BackupResult) -> None:
    context.status_file.change(lambda status: _with_success(status, taken))


def _with_success(status: BackupStatus, taken: BackupResult) -> BackupStatus:
    backup = taken.backup
    for store in taken.stores:
        status = succeeded(status, backup.kind, store, size=backup.size, seconds=taken.seconds)
    for store in taken.failures:
        status = failed(status, backup.kind, store)
    error = "; ".join(f"{store}: {why}" for store, why in taken.failures.items())
    return replace(status, last_backup=backup.name, last_success=backup.stopped, last_error=error)


def _options(context: ServiceContext, kind: Kind) -> BackupOptions:
    settings = context.inside.settings
    return BackupOptions(
        kind=kind,
        level=settings.backup_level,
        workers=settings.backup_workers,
        rate=settings.backup_rate,
        trusted_since=TRUSTED_SINCE if settings.backup_incremental == "auto" else 0,
    )


def _nodes(context: ServiceContext, *, gap: bool) -> Mapping[str, Access]:
    """Which may be asked: after a gap, or for a store that has just begun, the primary alone.

    A backup begins at a checkpoint, which the primary makes at once; a replica's last one may be older than the WAL
    that such a store has, and then the backup could never become consistent there.
    """
    primary = context.inside.topology.primary
    if gap or any(_is_new(store, context.system) for store in context.stores):
        return {primary: context.access(primary)}
    return context.nodes


def _is_new(store: Store, system: str) -> bool:
    try:
        return not read_catalog(store, system, on_damaged=lambda *_: None)
    except StoreError:
        return False  # it is down, and gets nothing now


def _site(context: ServiceContext, nodes: Mapping[str, Access], progress: Progress) -> BackupSite:
    return BackupSite(
        nodes=nodes,
        primary=lambda: context.inside.topology.primary,
        stores=context.stores,
        spool=context.spool,
        wal_archived=lambda timeline, start, stop: wal_archived(context, timeline, start, stop),
        switch_wal=lambda: switch_wal(context),
        progress=progress,
    )


def wal_archived(context: ServiceContext, timeline: int, start: Lsn, stop: Lsn) -> bool:
    """Whether every store that answers, and at least one, has all segments from ``start`` to ``stop``."""
    identity = remembered(context.spool)
    if identity is None:
        return False
    segments = list(segments_between(timeline, start, stop, identity.wal_segment_size))
    answers = []
    for store in context.stores:
        try:
            answers.append(all(store.head(wal_key(context.system, segment)) for segment in segments))
        except StoreError:
            continue
    return bool(answers) and all(answers)


def switch_wal(context: ServiceContext) -> None:
    """Let the primary begin a new segment, so that the one a replica's backup ended in is archived whole."""
    try:
        with connect(context.access(context.inside.topology.primary)) as connection:
            execute(connection, "switch_wal")
    except MachineError as error:
        raise MachineError(f"the primary does not switch to a new WAL segment: {error.message}") from None
