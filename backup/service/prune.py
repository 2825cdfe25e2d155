"""Retention, done: what is old goes, from every store, by the same rules that `--dry-run` explains."""

import time
from collections.abc import Callable, Iterator

from backup.delete import delete, delete_wal, sweep
from backup.layout import parse_wal_key
from backup.retention import Decision, decide, wal_needs
from backup.service.context import ServiceContext
from backup.service.inventory import StoreInventory, read_holdings, survey
from backup.store import Store
from cluster.units import human_size

Progress = Callable[[str], None]
_UNFINISHED_SECONDS = 2 * 86_400.0
"""An attempt or upload that old is no longer under way."""


def prune(context: ServiceContext, progress: Progress, *, dry_run: bool) -> list[str]:
    """Remove from every store what no rule keeps; what was decided, a line each."""
    lines: list[str] = []
    for store in context.stores:
        lines += _prune_store(context, store, dry_run=dry_run, progress=progress)
    if not dry_run:
        survey(context)
    return lines


def _prune_store(context: ServiceContext, store: Store, *, dry_run: bool, progress: Progress) -> Iterator[str]:
    holdings = read_holdings(store, context.system)
    decisions = decide(
        holdings.backups,
        context.retention,
        time.time(),
        holds=holdings.holds,
        histories=holdings.histories,
        damaged=holdings.damaged,
    )
    yield from (f"{store.name}: {decision}" for decision in decisions)
    keys = _superfluous_wal(holdings, decisions)
    total = f"{len(holdings.wal_keys)} ({human_size(holdings.wal_bytes)})"
    yield f"{store.name}: delete {len(keys)} objects of WAL of {total}"
    if not dry_run:
        _remove(context, store, decisions, keys, progress)


def _superfluous_wal(holdings: StoreInventory, decisions: tuple[Decision, ...]) -> list[str]:
    size = holdings.backups[0].wal_segment_size if holdings.backups else 0
    if not size:
        return []  # without any backup all WAL stays
    needs = wal_needs(decisions, holdings.histories, size)
    found = ((key, parse_wal_key(key)) for key in holdings.wal_keys)
    return [key for key, wal in found if wal is not None and wal.segment and needs.may_go(wal.segment)]


def _remove(
    context: ServiceContext, store: Store, decisions: tuple[Decision, ...], keys: list[str], progress: Progress
) -> None:
    gone: set[str] = set()
    for decision in reversed(decisions):
        if not decision.keep and decision.backup.name not in gone:
            progress(f"Deleting {decision.backup.name} from {store.name}")
            gone.update(delete(store, decision.backup))
    delete_wal(store, keys)
    for name in sweep(store, context.system, before=time.time() - _UNFINISHED_SECONDS):
        progress(f"Removed what an unfinished attempt left: {name}")
    store.sweep(_UNFINISHED_SECONDS)
