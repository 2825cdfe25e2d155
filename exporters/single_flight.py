"""At most one look at a thing is under way; whoever asks meanwhile gets its answer. Nobody waits for longer than asked.

Five hundred scrapes at once cost the server one connection, and a node that hangs holds one thread, which ends with
its connection's patience.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Answer = TypeVar("Answer")
_THREADS = 64
"""More than there can be nodes, PgBouncer and gate."""


class SingleFlight(Generic[Answer]):
    """Looks under way, by what they look at."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Future[Answer]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="look")

    async def join(self, key: str, look: Callable[[], Answer], patience: float) -> Answer | None:
        """The answer of the look at ``key`` that is under way, or of a new one; None after ``patience`` seconds."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = asyncio.get_running_loop().run_in_executor(self._threads, look)
            self._under_way[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        finished, _ = await asyncio.wait([flight], timeout=patience)
        return flight.result() if finished else None

    def _landed(self, key: str, flight: "asyncio.Future[Answer]") -> None:
        del self._under_way[key]
        if not flight.cancelled():
            flight.exception()  # asked for, so that one nobody waited for is no warning
