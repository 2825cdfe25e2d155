"""A broadcast from a thread to coroutines: wakes every listener of the event stream after a poll."""

import asyncio


class Broadcast:
    """Notified by any thread, awaited by coroutines of one event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self) -> None:
        """Belong to the running event loop; notifications before that reach nobody."""
        self._loop = asyncio.get_running_loop()

    def notify(self) -> None:
        """Wake every waiting coroutine; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._notify)

    def _notify(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self) -> None:
        """Wait for the next notification."""
        await self._event.wait()
