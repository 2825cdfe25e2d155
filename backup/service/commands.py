"""What a person asks of the service about its backups, answered as data."""

import time
from collections.abc import Callable
from typing import Any

from backup.annotations import Hold, hold, release
from backup.catalog import Backup, find, read_catalog
from backup.delete import delete
from backup.layout import Kind
from backup.schedule import due_kind, parse_schedule
from backup.service.context import ServiceContext, open_context
from backup.service.inventory import StoreInventory, missing_wal, read_holdings, survey
from backup.service.run_backup import take_backup
from backup.store import Store
from backup.trust import untrusted
from cluster.config.mounted import MountedConfig
from cluster.errors import RefusedError

Progress = Callable[[str], None]


def take_now(window: MountedConfig, kind: str, progress: Progress) -> dict[str, Any]:
    """Take a backup: ``full``, ``incremental``, or ``auto``, which the schedule of full backups decides."""
    context = open_context(window)
    chosen: Kind = _due(context) if kind == "auto" else "full" if kind == "full" else "incremental"
    taken = take_backup(context, chosen, progress)
    return {
        "name": taken.backup.name,
        "kind": taken.backup.kind,
        "node": taken.backup.node,
        "size": taken.backup.size,
        "data_bytes": taken.backup.data_bytes,
        "stores": list(taken.stores),
        "failures": dict(taken.failures),
        "why": taken.why,
        "seconds": taken.seconds,
    }


def _due(context: ServiceContext) -> Kind:
    """As the schedule would at this moment; nothing newer than the store itself is asked."""
    fulls = [b.started for b in read_catalog(context.store(), context.system) if b.kind == "full"]
    settings = context.inside.settings
    schedule = parse_schedule(settings.backup_full_schedule, settings.backup_time_zone)
    return due_kind(schedule, max(fulls, default=None), time.time())


def list_backups(window: MountedConfig) -> list[dict[str, Any]]:
    """Every backup of every store, oldest first."""
    context = open_context(window)
    return [
        row
        for store in context.stores
        for holdings in [read_holdings(store, context.system)]
        for row in (_row(store, holdings, backup) for backup in holdings.backups)
    ]


def _row(store: Store, holdings: StoreInventory, backup: Backup) -> dict[str, Any]:
    verified, held = holdings.verified.get(backup.name), holdings.holds.get(backup.name)
    return {
        "store": store.name,
        "name": backup.name,
        "kind": backup.kind,
        "parent": backup.parent,
        "started": backup.started,
        "stopped": backup.stopped,
        "size": backup.size,
        "data_bytes": backup.data_bytes,
        "node": backup.node,
        "timeline": backup.timeline,
        "start_lsn": backup.start_lsn,
        "stop_lsn": backup.stop_lsn,
        "server_version": backup.server_version,
        "untrusted": untrusted(backup, holdings.backups),
        "verified": verified.when if verified else None,
        "verified_ok": verified.ok if verified else None,
        "verified_detail": verified.detail if verified else "",
        "hold": held.why or "held" if held else "",
    }


def list_windows(window: MountedConfig) -> list[dict[str, Any]]:
    """The intervals that can be restored to, and what is missing, store by store."""
    context = open_context(window)
    found = []
    for store in context.stores:
        holdings = read_holdings(store, context.system)
        missing = missing_wal(store, context.system, holdings, context.retention)
        windows = [
            {
                "timeline": each.timeline,
                "since": each.since,
                "until": each.until,
                "start_lsn": each.start_lsn,
                "end_lsn": each.end_lsn,
                "backups": list(each.backups),
            }
            for each in holdings.windows
        ]
        lost = [{"segment": each.segment, "known": each.known} for each in missing]
        found.append({"store": store.name, "windows": windows, "missing": lost})
    return found


def show(window: MountedConfig, name: str) -> list[dict[str, Any]]:
    """All that is known of one backup, in each store that has it."""
    context = open_context(window)
    found = []
    for store in context.stores:
        holdings = read_holdings(store, context.system)
        backup = _find(holdings.backups, name)
        if backup is not None:
            files = [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in backup.files]
            more = {"tablespaces": backup.tablespaces, "checksums": backup.checksums, "codec": backup.codec}
            found.append(_row(store, holdings, backup) | more | {"files": files})
    return found or _nowhere(name)


def mark(window: MountedConfig, verb: str, name: str, why: str) -> dict[str, Any]:
    """Hold, release or delete a backup wherever it is."""
    context = open_context(window)
    touched: dict[str, list[str]] = {}
    for store in context.stores:
        backup = _find(read_catalog(store, context.system), name)
        if backup is not None:
            touched[store.name] = list(_do(store, verb, backup, why))
    if not touched:
        _nowhere(name)
    survey(context)
    return {"stores": touched}


def _do(store: Store, verb: str, backup: Backup, why: str) -> tuple[str, ...]:
    if verb == "delete":
        return delete(store, backup)
    if verb == "hold":
        hold(store, backup, Hold(name=backup.name, made=time.time(), why=why))
    else:
        release(store, backup)
    return (backup.name,)


def _find(backups: tuple[Backup, ...], name: str) -> Backup | None:
    if name in ("", "latest"):
        return backups[-1] if backups else None
    try:
        return find(backups, name)
    except RefusedError:
        return None


def _nowhere(name: str) -> Any:
    raise RefusedError(f"no store has a backup {name or 'at all'}", "inv backup.list shows those there are")
