"""Concurrent requests for one key share one read (single flight); each waits for its own timeout at most.

Five hundred requests at once cost the server one connection, and a server that hangs holds one thread, which ends
with its connection's deadline.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class SingleFlight(Generic[Answer]):
    """The reads that run or wait for a thread, by key."""

    def __init__(self, threads: int, name: str) -> None:
        self._running: dict[str, asyncio.Future[Answer]] = {}
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def __len__(self) -> int:
        return len(self._running)

    async def join(self, key: str, read: Callable[[], Answer], patience: float) -> Answer | None:
        """The result of the read of ``key`` that runs, or of a new one; None after ``patience`` seconds."""
        future = self._running.get(key)
        if future is None:
            future = asyncio.get_running_loop().run_in_executor(self._threads, read)
            self._running[key] = future
            future.add_done_callback(lambda done: self._forget(key, done))
        finished, _ = await asyncio.wait([future], timeout=patience)
        return future.result() if finished else None

    def _forget(self, key: str, future: "asyncio.Future[Answer]") -> None:
        del self._running[key]
        if not future.cancelled():
            future.exception()  # fetched, so that asyncio does not warn of one nobody waited for
