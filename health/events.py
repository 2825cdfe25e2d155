"""The stream that keeps the page alive.

Who listens cannot be asked whether it still does, and one that reads nothing is not known for what it is before the
buffers between are full. So nobody who comes is refused: one who has listened for long makes room, and its browser
comes again.

Source of the format: HTML Standard, "Server-sent events".
"""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

from health.broadcast import Broadcast
from health.watcher import ClusterWatcher

MOST_LISTENERS = 200
MOST_OF_AN_ADDRESS = 50
"""All who come through a published port of loopback have one address, the network's gateway."""
_STUCK = 2.0
"""Seconds after which a listener that has not taken an event is one that reads nothing."""


@dataclass(eq=False, slots=True)
class Listener:
    """One who listens, and since when it has been given something that it has not taken; None: it waits for more."""

    address: str
    given: float | None = None

    @property
    def stuck(self) -> bool:
        """Whether it seems to read nothing."""
        return self.given is not None and time.monotonic() - self.given > _STUCK


class Events:
    """One overview to every listener after each look; the history to each at the beginning."""

    def __init__(self, loop: ClusterWatcher, bell: Broadcast) -> None:
        self._loop, self._bell = loop, bell
        self.listeners: dict[Listener, None] = {}

    def admit(self, address: str) -> Listener:
        """Who comes; another leaves for it where there are too many, of its address or in all."""
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
        """The oldest, of those that read nothing if there are any; the connection ends by itself, or is swept away."""
        del self.listeners[next((listener for listener in candidates if listener.stuck), candidates[0])]

    async def stream(self, listener: Listener) -> AsyncIterator[bytes]:
        """What one listener gets, until it leaves or has to."""
        try:
            listener.given = time.monotonic()
            yield _event("history", json.dumps(self._loop.history.as_data()).encode())
            while listener in self.listeners:
                listener.given = time.monotonic()
                yield self._latest()
                listener.given = None
                await self._bell.heard()
        finally:
            self.listeners.pop(listener, None)

    def _latest(self) -> bytes:
        board = self._loop.board
        if board is None or self._loop.trouble:
            return _event("trouble", json.dumps({"detail": self._loop.trouble}).encode())
        return _event("overview", board.answers["/health"].body(self._loop.age))


def _event(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
