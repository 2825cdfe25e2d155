"""Taking things out of a store, in an order that never leaves a listed backup that cannot be restored."""

from collections.abc import Iterable, Sequence

from backup.annotations import forget, read_holds, refuse_held
from backup.catalog import Backup, dependants, read_catalog
from backup.layout import backup_key, backup_prefix, backups_prefix, parse_backup_key
from backup.store import Store


def delete(store: Store, backup: Backup) -> tuple[str, ...]:
    """Delete a backup and those that build on it, dependants first, each description before its data; their names.

    Raises:
        RefusedError: one of them is held.
        StoreError: some object would not go; doing it again, or `sweep`, removes the rest.
    """
    system = backup.system_identifier
    doomed = (*dependants(read_catalog(store, system), backup.name), backup)
    refuse_held(doomed, read_holds(store, system))
    for each in doomed:
        _delete_one(store, each)
    return tuple(each.name for each in doomed)


def _delete_one(store: Store, backup: Backup) -> None:
    system, name = backup.system_identifier, backup.name
    store.delete([backup_key(system, name)])
    store.delete([stored.key for stored in store.list(backup_prefix(system, name))])
    forget(store, backup)


def sweep(store: Store, system: str, *, before: float) -> tuple[str, ...]:
    """Remove what attempts left that never became a backup, or of one whose deletion was cut short; their names.

    Args:
        store: where.
        system: system identifier of the cluster.
        before: Unix seconds; an attempt with an object made since then may still be running and is left alone.
    """
    objects: dict[str, list[tuple[str, float]]] = {}
    for stored in store.list(backups_prefix(system)):
        if parsed := parse_backup_key(stored.key):
            objects.setdefault(parsed[0], []).append((stored.key, stored.made))
    left = {name: found for name, found in objects.items() if _is_abandoned(system, name, found, before)}
    store.delete([key for found in left.values() for key, _ in found])
    return tuple(left)


def _is_abandoned(system: str, name: str, found: Sequence[tuple[str, float]], before: float) -> bool:
    return backup_key(system, name) not in dict(found) and max(made for _, made in found) < before


def delete_wal(store: Store, keys: Iterable[str], batch: int = 1000) -> int:
    """Delete WAL, oldest first, so that what a crash leaves has no hole; how many objects."""
    ordered = sorted(keys)
    for first in range(0, len(ordered), batch):
        store.delete(ordered[first : first + batch])
    return len(ordered)
