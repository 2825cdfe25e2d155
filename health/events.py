"""The stream that keeps the page alive.

Source of the format: HTML Standard, "Server-sent events".
"""

import json
from collections.abc import AsyncIterator

from health.bell import Bell
from health.loop import Loop

MOST_LISTENERS = 200


class Events:
    """One overview to every listener after each look; the history to each at the beginning."""

    def __init__(self, loop: Loop, bell: Bell) -> None:
        self._loop, self._bell = loop, bell
        self.listeners = 0

    async def stream(self) -> AsyncIterator[bytes]:
        """What one listener gets, until it leaves."""
        self.listeners += 1
        try:
            yield _event("history", json.dumps(self._loop.history.as_data()).encode())
            while True:
                yield self._latest()
                await self._bell.heard()
        finally:
            self.listeners -= 1

    def _latest(self) -> bytes:
        board = self._loop.board
        if board is None or self._loop.trouble:
            return _event("trouble", json.dumps({"detail": self._loop.trouble}).encode())
        return _event("overview", board.answers["/health"].body(self._loop.age))


def _event(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
