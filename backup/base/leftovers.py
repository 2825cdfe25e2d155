"""What killed attempts left in the stores: never listed, only in the way."""

import time
from collections.abc import Callable, Sequence

from backup.delete import sweep
from backup.layout import backup_key, backup_prefix, check_backup_name
from backup.store import Store
from cluster.errors import PodsError

ABANDONED = 86400.0
"""Seconds after which an attempt that nobody here remembers is dead: another host's backup may still be running."""


def clear(stores: Sequence[Store], system: str, attempt: str, progress: Callable[[str], None]) -> None:
    """Remove what ``attempt``, which died here ("": none did), and anybody's attempts of days ago left."""
    for store in stores:
        try:
            if attempt:
                remove(store, system, attempt)
            sweep(store, system, before=time.time() - ABANDONED)
            store.sweep(ABANDONED)
        except (PodsError, ValueError) as error:
            progress(f"leftovers in {store.name} stay for now: {error}")


def remove(store: Store, system: str, attempt: str) -> None:
    """Remove an attempt's files, unless it has become a backup after all."""
    check_backup_name(attempt)
    if store.head(backup_key(system, attempt)) is None:
        store.delete([stored.key for stored in store.list(backup_prefix(system, attempt))])
