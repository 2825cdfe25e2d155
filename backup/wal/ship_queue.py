"""The queue of each store: files of the spool that it has still to get. One store's errors hold no other back."""

import threading
from collections.abc import Iterable, Sequence


class ShipQueue:
    """Names of files of the spool, for each store; safe for all threads."""

    def __init__(self, stores: Sequence[str]) -> None:
        self._waiting: dict[str, set[str]] = {store: set() for store in stores}
        self._busy: dict[str, set[str]] = {store: set() for store in stores}
        self._changed = threading.Condition()

    def add(self, names: Iterable[str]) -> None:
        """Every store is to get these."""
        with self._changed:
            for waiting in self._waiting.values():
                waiting.update(names)
            self._changed.notify_all()

    def take(self, store: str, timeout: float) -> str | None:
        """The lowest name that no thread is shipping to ``store``; None where there is none within ``timeout`` s."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting[store], timeout):
                return None
            name = min(self._waiting[store])
            self._waiting[store].remove(name)
            self._busy[store].add(name)
            return name

    def done(self, store: str, name: str) -> bool:
        """``store`` has it. True when no store needs it any more."""
        with self._changed:
            self._busy[store].discard(name)
            return not any(name in names for part in (self._waiting, self._busy) for names in part.values())

    def failed(self, store: str, name: str) -> None:
        """Shipping failed; it is queued again."""
        with self._changed:
            self._busy[store].discard(name)
            self._waiting[store].add(name)

    def left(self, store: str) -> list[str]:
        """What ``store`` has still to get, lowest first."""
        with self._changed:
            return sorted(self._waiting[store] | self._busy[store])
