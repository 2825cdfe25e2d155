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

    def __init__(self, stop: threading.Event, log: Callable[[str], None]) -> None:
        self._stop, self._log = stop, log
        self._waits: dict[str, float] = {}

    def run(self, context: ServiceContext) -> None:
        """Bring some of what the stores lack."""
        found = context.status_file.read().stores
        lacking = [store for store in context.stores if store.name in found and found[store.name].lost]
        for store in lacking if len(context.stores) > 1 else ():
            if time.monotonic() >= self._waits.get(store.name, 0.0):
                self._mend(context, store)

    def _mend(self, context: ServiceContext, store: Store) -> None:
        end = time.monotonic() + _AT_ONCE
        others = [other for other in context.stores if other.name != store.name]
        try:
            holdings = read_holdings(store, context.system)
            missing = missing_wal(store, context.system, holdings, context.retention)
            names = [lost.segment for lost in missing]
            done = resync(
                store, others, context.system, names, lambda: time.monotonic() < end and not self._stop.is_set()
            )
        except PodsError as error:
            self._log(f"{store.name} does not get the WAL that it lacks: {error}")
            done = ResyncResult()
        self._note(context, store.name, done)

    def _note(self, context: ServiceContext, store: str, done: ResyncResult) -> None:
        for trouble in done.troubles[:1]:
            self._log(f"{store} lacks WAL that others do not have right: {trouble}")
        if not done.copied:
            self._waits[store] = time.monotonic() + _IN_VAIN
            return
        self._log(f"{store} got {len(done.copied)} segments of WAL that it lacked, up to {done.copied[-1]}")
        copied = len(done.copied)
        context.status_file.change(
            lambda status: with_store(status, store, lambda found: replace(found, mended=(found.mended or 0) + copied))
        )
        survey(context)
