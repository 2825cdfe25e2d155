"""Telling every listener of the event stream at once that there is something new."""

import asyncio


class Broadcast:
    """Rung by the thread that looks, heard by coroutines."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def hang(self) -> None:
        """Belong to the event loop that runs now; rings before that are heard by nobody."""
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        """Wake everyone who waits; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def heard(self) -> None:
        """Wait for the next ring."""
        await self._event.wait()
