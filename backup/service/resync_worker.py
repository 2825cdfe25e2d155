"""Stores that lack WAL get it from the others, a while at a time, beside the service's other work.

A store lacks WAL that another has when it was down for longer than the spool holds. Backups are not copied: a store
that lacks them gets the next one.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from backup.service.context import ServiceContext
from backup.service.inventory import missing_wal, read_holdings, survey
from backup.service.retention_policy import policy_of
from backup.service.status_file import with_store
from backup.store import Store
from backup.wal.resync import ResyncResult, resync
from cluster.errors import PodsError

_AT_ONCE = 20.0
"""Seconds of copying before the schedule of backups is looked at again."""
_IN_VAIN = 600.0
"""Seconds to wait after a look that brought nothing."""


class ResyncWorker:
    """Mends when the last survey found WAL missing; knows which stores it tried in vain, and when."""

    def __init__(self, stop: threading.Event, say: Callable[[str], None]) -> None:
        self._stop, self._say = stop, say
        self._waits: dict[str, float] = {}

    def look(self, ground: ServiceContext) -> None:
        """Bring some of what the stores lack."""
        found = ground.status_file.read().stores
        lacking = [store for store in ground.stores if store.name in found and found[store.name].lost]
        for store in lacking if len(ground.stores) > 1 else ():
            if time.monotonic() >= self._waits.get(store.name, 0.0):
                self._mend(ground, store)

    def _mend(self, ground: ServiceContext, store: Store) -> None:
        end = time.monotonic() + _AT_ONCE
        others = [other for other in ground.stores if other.name != store.name]
        try:
            holdings = read_holdings(store, ground.system)
            missing = missing_wal(store, ground.system, holdings, policy_of(ground.inside.settings))
            names = [lost.segment for lost in missing]
            done = resync(
                store, others, ground.system, names, lambda: time.monotonic() < end and not self._stop.is_set()
            )
        except PodsError as error:
            self._say(f"{store.name} does not get the WAL that it lacks: {error}")
            done = ResyncResult()
        self._note(ground, store.name, done)

    def _note(self, ground: ServiceContext, store: str, done: ResyncResult) -> None:
        for trouble in done.troubles[:1]:
            self._say(f"{store} lacks WAL that others do not have right: {trouble}")
        if not done.copied:
            self._waits[store] = time.monotonic() + _IN_VAIN
            return
        self._say(f"{store} got {len(done.copied)} segments of WAL that it lacked, up to {done.copied[-1]}")
        copied = len(done.copied)
        ground.status_file.change(
            lambda status: with_store(status, store, lambda found: replace(found, mended=(found.mended or 0) + copied))
        )
        survey(ground)
