"""Asks an ASGI application over HTTP without a port, one question after the other in one event loop."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Asker:
    """Someone who asks."""

    application: Any
    runner: asyncio.Runner
    address: str

    def get(self, page: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """One answer."""
        return self.get_at_once(page, 1, headers)[0]

    def get_at_once(self, page: str, times: int, headers: Mapping[str, str] | None = None) -> list[httpx.Response]:
        """The answers of many who ask for one page at the same time."""
        return self.runner.run(self._ask(page, times, headers))

    async def _ask(self, page: str, times: int, headers: Mapping[str, str] | None) -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=self.application)
        async with httpx.AsyncClient(transport=transport, base_url=self.address) as client:
            return await asyncio.gather(*(client.get(page, headers=headers) for _ in range(times)))


@contextmanager
def asking(application: Any, address: str = "http://exporter:9187") -> Iterator[Asker]:
    """Someone who asks ``application``, which is reached at ``address``."""
    with asyncio.Runner() as runner:
        yield Asker(application, runner, address)
