"""Server-sent events, which keep the page alive.

A client that has gone, or reads nothing, is noticed only when the buffers between are full. So no new listener is
refused: beyond the limit an old one is dropped, and its browser connects again.

Source of the format: HTML Standard, "Server-sent events".
"""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

from cluster.documents import to_json
from health.history import Points
from health.watcher import ClusterWatcher

MOST_LISTENERS = 200
MOST_OF_AN_ADDRESS = 50
"""Through a port published on loopback every client has one address, the network's gateway."""
_STUCK = 2.0
"""Seconds after which a listener that has not taken an event counts as stuck."""


@dataclass(eq=False, slots=True)
class Listener:
    """A connected client. ``given``: when it was sent an event that it has not taken yet; None while it waits."""

    address: str
    given: float | None = None

    @property
    def stuck(self) -> bool:
        """Whether it seems to read nothing."""
        return self.given is not None and time.monotonic() - self.given > _STUCK


class Events:
    """One overview to every listener after each poll; the history to each at the beginning."""

    def __init__(self, watcher: ClusterWatcher) -> None:
        self._watcher = watcher
        self.listeners: dict[Listener, None] = {}

    def admit(self, address: str) -> Listener:
        """A new listener; drops an old one where there are too many, of its address or in all."""
        count = Counter(listener.address for listener in self.listeners)
        if count[address] >= MOST_OF_AN_ADDRESS:
            self._dismiss([listener for listener in self.listeners if listener.address == address])
        elif len(self.listeners) >= MOST_LISTENERS:
            most = max(count.values())
            self._dismiss([listener for listener in self.listeners if count[listener.address] == most])
        listener = Listener(address)
        self.listeners[listener] = None
        return listener

    def _dismiss(self, candidates: list[Listener]) -> None:
        """End the oldest, a stuck one first; its connection ends by itself, or is closed by the server's sweep."""
        del self.listeners[next((listener for listener in candidates if listener.stuck), candidates[0])]

    async def stream(self, listener: Listener) -> AsyncIterator[bytes]:
        """The events of one listener, until it leaves or is dropped."""
        try:
            listener.given = time.monotonic()
            yield _event("history", _history(self._watcher.history.points))
            while listener in self.listeners:
                listener.given = time.monotonic()
                yield self._latest()
                listener.given = None
                await self._watcher.broadcast.wait()
        finally:
            self.listeners.pop(listener, None)

    def _latest(self) -> bytes:
        table = self._watcher.latest
        if table is None or self._watcher.error:
            return _event("trouble", json.dumps({"detail": self._watcher.error}).encode())
        return _event("overview", table.event.body(self._watcher.age))


def _history(points: Points) -> bytes:
    """The points, and beside each the rate of WAL that its curve shows."""
    return json.dumps({**to_json(points), "rates": points.rates()}).encode()


def _event(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
