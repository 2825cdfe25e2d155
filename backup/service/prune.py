"""Retention, done: what is old goes, from every store, by the same rules that `--dry-run` explains."""

import time
from collections.abc import Callable, Iterator

from backup.delete import delete, delete_wal, sweep
from backup.layout import parse_wal_key
from backup.retention import Decision, decide, wal_needs
from backup.service.context import ServiceContext
from backup.service.inventory import StoreInventory, read_holdings, survey
from backup.store import Store, StoreError
from cluster.errors import MachineError, PodsError
from cluster.units import human_size

Progress = Callable[[str], None]
_UNFINISHED_SECONDS = 2 * 86_400.0
"""An attempt or upload that old is no longer under way."""


def prune(context: ServiceContext, progress: Progress, *, dry_run: bool) -> list[str]:
    """Remove from every store what no rule keeps; what was decided, a line each.

    Raises:
        MachineError: something would not go, which was left as it was; all else went.
    """
    lines: list[str] = []
    failures: list[PodsError] = []
    for store in context.stores:
        try:
            lines += _prune_store(context, store, dry_run=dry_run, progress=progress)
        except PodsError as error:  # the others are not to wait for it
            failures.append(error)
    if not dry_run:
        survey(context)
    if failures:
        raise MachineError("; ".join(error.message for error in failures), failures[0].hint)
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
    found = [(key, wal) for key in holdings.wal_keys if (wal := parse_wal_key(key)) and wal.segment]
    whole = {wal.segment for _, wal in found if wal.is_whole}
    superseded = {key for key, wal in found if not wal.is_whole and wal.segment in whole}
    size = holdings.backups[0].wal_segment_size if holdings.backups else 0
    if not size:
        return sorted(superseded)  # without any backup all other WAL stays
    needs = wal_needs(decisions, holdings.histories, size)
    return [key for key, wal in found if key in superseded or (wal.segment and needs.may_go(wal.segment))]


def _remove(
    context: ServiceContext, store: Store, decisions: tuple[Decision, ...], keys: list[str], progress: Progress
) -> None:
    refusals = _delete_backups(store, decisions, progress)
    if not refusals:  # else the WAL is needed by what is still there
        refusals += _refusal(lambda: delete_wal(store, keys))
    refusals += _refusal(lambda: _sweep(context, store, progress))
    refusals += _refusal(lambda: store.sweep(_UNFINISHED_SECONDS))
    if refusals:
        raise StoreError(f"{store.name} keeps what retention does not: {refusals[0].message}", refusals[0].hint)


def _delete_backups(store: Store, decisions: tuple[Decision, ...], progress: Progress) -> list[StoreError]:
    gone: set[str] = set()
    refusals: list[StoreError] = []
    for decision in reversed(decisions):
        if not decision.keep and decision.backup.name not in gone:
            progress(f"Deleting {decision.backup.name} from {store.name}")
            refusals += _refusal(lambda backup=decision.backup: gone.update(delete(store, backup)))  # type: ignore[misc]
    return refusals


def _sweep(context: ServiceContext, store: Store, progress: Progress) -> None:
    for name in sweep(store, context.system, before=time.time() - _UNFINISHED_SECONDS):
        progress(f"Removed what an unfinished attempt left: {name}")


def _refusal(work: Callable[[], object]) -> list[StoreError]:
    """What a store answers that does not delete: a lock keeps some objects and not others, so all is tried."""
    try:
        work()
    except StoreError as error:
        return [error]
    return []
