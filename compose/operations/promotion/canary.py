"""A client of the pool of writers that notices what clients notice: the longest wait, and errors."""

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from cluster.errors import PodsError
from cluster.postgres.connection import Access, connect, fetch_one
from cluster.waiting import comes_true

if TYPE_CHECKING:
    import psycopg

_PAUSE = 0.01
"""Seconds between two transactions: how exact the wait is."""
_NEXT_SECONDS = 2.0
_FIRST_SECONDS = 10.0
"""A login passes by one host after the other that says nothing, for three seconds each."""


class Canary:
    """Writes a transaction about a hundred times a second, from the entry of the body to its end."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._last = 0.0
        self.gap = 0.0
        """Seconds: the longest time from the end of one transaction to the end of the next."""
        self.done = 0
        """Transactions that were committed."""
        self.failed = 0
        """Transactions that ended with an error, and logins that did."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join(timeout=_PAUSE if error else 5.0)  # it may itself be one of those who wait

    def await_first(self) -> None:
        """Until it is in: what happens before that it does not notice. Not for long."""
        comes_true(lambda: self.done > 0, timeout=_FIRST_SECONDS, pause=_PAUSE)

    def await_next(self) -> None:
        """Until it has written once more, that is until its wait is over; not for long, as it may be for good."""
        before = self.done
        comes_true(lambda: self.done > before or not before, timeout=_NEXT_SECONDS, pause=_PAUSE)

    def _work(self) -> None:
        import psycopg

        while not self._ended.is_set():
            try:
                with connect(self._access) as connection:
                    self._write(connection)
            except (PodsError, psycopg.Error):
                self.failed += self.done > 0  # whoever never got in says nothing of the switchover
                self._ended.wait(_PAUSE)

    def _write(self, connection: "psycopg.Connection[Any]") -> None:
        while not self._ended.is_set():
            fetch_one(connection, "write_probe", lambda transaction: transaction)
            now = time.monotonic()
            self.gap = max(self.gap, now - self._last) if self.done else 0.0
            self._last, self.done = now, self.done + 1
            self._ended.wait(_PAUSE)
