"""The commands of `python -m backup` that take, list, show, hold, release and delete, and their results."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NoReturn

from backup.annotations import Hold, hold, release
from backup.catalog import Backup, File, find, read_catalog
from backup.damage import damage
from backup.delete import delete
from backup.layout import Kind
from backup.recovery_windows import Missing, RecoveryWindow
from backup.schedule import due_kind, parse_schedule
from backup.service.context import ServiceContext, open_context
from backup.service.inventory import StoreInventory, missing_wal, read_holdings, survey
from backup.service.run_backup import take_backup
from backup.service.status_file import with_store
from backup.store import Store
from backup.trust import untrusted
from backup.wal.identity import claim, remembered
from cluster.backup_status import StoreStatus
from cluster.config.mounted import MountedConfig
from cluster.errors import RefusedError

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBackup:
    """A backup that was just taken; ``why`` it is of its kind. Sizes in bytes."""

    name: str
    kind: Kind
    node: str
    size: int
    data_bytes: int
    stores: tuple[str, ...]
    failures: Mapping[str, str]
    why: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBackup:
    """A backup in one store. Times are Unix seconds, sizes bytes; ``untrusted``, ``damaged`` and ``hold`` say why."""

    store: str
    name: str
    kind: Kind
    parent: str | None
    started: float
    stopped: float
    size: int
    data_bytes: int
    node: str
    timeline: int
    start_lsn: str
    stop_lsn: str
    server_version: str
    untrusted: str
    damaged: str
    verified: float | None
    verified_ok: bool | None
    verified_detail: str
    hold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupDetails(ListedBackup):
    """All that is known of it."""

    tablespaces: tuple[tuple[int, str], ...]
    checksums: bool
    codec: str
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreWindows:
    """What one store can be restored to, and the segments it lacks."""

    store: str
    windows: tuple[RecoveryWindow, ...]
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedBackups:
    """Names of what was held, released, deleted or adopted, by store."""

    stores: Mapping[str, tuple[str, ...]]


def take_now(window: MountedConfig, kind: str, progress: Progress) -> TakenBackup:
    """Take a backup: ``full``, ``incremental``, or ``auto``, which the schedule of full backups decides."""
    context = open_context(window)
    chosen: Kind = _due(context) if kind == "auto" else "full" if kind == "full" else "incremental"
    taken = take_backup(context, chosen, progress)
    backup = taken.backup
    return TakenBackup(
        name=backup.name,
        kind=backup.kind,
        node=backup.node,
        size=backup.size,
        data_bytes=backup.data_bytes,
        stores=taken.stores,
        failures=dict(taken.failures),
        why=taken.why,
        seconds=taken.seconds,
    )


def _due(context: ServiceContext) -> Kind:
    """As the schedule would at this moment; nothing newer than the store itself is asked."""
    fulls = [b.started for b in read_catalog(context.store(), context.system) if b.kind == "full"]
    settings = context.inside.settings
    schedule = parse_schedule(settings.backup_full_schedule, settings.backup_time_zone)
    return due_kind(schedule, max(fulls, default=None), time.time())


def list_backups(window: MountedConfig) -> tuple[ListedBackup, ...]:
    """Every backup of every store, oldest first."""
    context = open_context(window)
    return tuple(
        ListedBackup(**_listed(store, holdings, backup))
        for store in context.stores
        for holdings in [read_holdings(store, context.system)]
        for backup in holdings.backups
    )


def _listed(store: Store, holdings: StoreInventory, backup: Backup) -> Mapping[str, Any]:
    """The fields of a ``ListedBackup``."""
    verified, held = holdings.verified.get(backup.name), holdings.holds.get(backup.name)
    names = {each.name for each in fields(ListedBackup)} & {each.name for each in fields(Backup)}
    return {
        **{name: getattr(backup, name) for name in names},
        "store": store.name,
        "size": backup.size,
        "untrusted": untrusted(backup, holdings.backups),
        "damaged": damage(backup, holdings.backups, holdings.verified),
        "verified": verified.when if verified else None,
        "verified_ok": verified.ok if verified else None,
        "verified_detail": verified.detail if verified else "",
        "hold": held.why or "held" if held else "",
    }


def list_windows(window: MountedConfig) -> tuple[StoreWindows, ...]:
    """The intervals that can be restored to, and what is missing, store by store."""
    context = open_context(window)
    return tuple(_windows(context, store) for store in context.stores)


def _windows(context: ServiceContext, store: Store) -> StoreWindows:
    holdings = read_holdings(store, context.system)
    missing = missing_wal(store, context.system, holdings, context.retention)
    return StoreWindows(store=store.name, windows=holdings.windows, missing=missing)


def show(window: MountedConfig, name: str) -> tuple[BackupDetails, ...]:
    """All that is known of one backup, in each store that has it."""
    context = open_context(window)
    found = []
    for store in context.stores:
        holdings = read_holdings(store, context.system)
        backup = _find(holdings.backups, name)
        if backup is not None:
            found.append(_details(store, holdings, backup))
    return tuple(found) or _nowhere(name)


def _details(store: Store, holdings: StoreInventory, backup: Backup) -> BackupDetails:
    return BackupDetails(
        **_listed(store, holdings, backup),
        tablespaces=backup.tablespaces,
        checksums=backup.checksums,
        codec=backup.codec,
        files=backup.files,
    )


def mark(window: MountedConfig, verb: str, name: str, why: str) -> MarkedBackups:
    """Hold, release or delete a backup wherever it is."""
    context = open_context(window)
    touched: dict[str, tuple[str, ...]] = {}
    for store in context.stores:
        backup = _find(read_catalog(store, context.system), name)
        if backup is not None:
            touched[store.name] = _do(store, verb, backup, why)
    if not touched:
        _nowhere(name)
    survey(context)
    return MarkedBackups(stores=touched)


def _do(store: Store, verb: str, backup: Backup, why: str) -> tuple[str, ...]:
    if verb == "delete":
        return delete(store, backup)
    if verb == "hold":
        hold(store, backup, Hold(name=backup.name, made=time.time(), why=why))
    else:
        release(store, backup)
    return (backup.name,)


def adopt(window: MountedConfig, name: str) -> MarkedBackups:
    """Take a store as it is now for the right one: it was emptied, or another was put in its place, on purpose."""
    context = open_context(window)
    store = context.store(name)
    context.memory.forget(context.address(store.name))
    context.status_file.change(lambda status: with_store(status, store.name, lambda _: StoreStatus()))
    identity = remembered(context.spool)
    if identity is not None and identity.system_identifier == context.system:
        claim(store, identity)
    survey(context)
    backups = read_catalog(store, context.system, on_damaged=lambda *_: None)
    return MarkedBackups(stores={store.name: tuple(backup.name for backup in backups)})


def _find(backups: tuple[Backup, ...], name: str) -> Backup | None:
    if name in ("", "latest"):
        return backups[-1] if backups else None
    try:
        return find(backups, name)
    except RefusedError:
        return None


def _nowhere(name: str) -> NoReturn:
    raise RefusedError(f"no store has a backup {name or 'at all'}", "inv backup.list shows those there are")
