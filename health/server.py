"""Serving: uvicorn with bounds on what a client may cost, and an end when its certificate or secret is another."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import uvicorn

from health.app import Service

PORT = 8080
MOST_CONNECTIONS = 4000
SWEEP = 5.0
"""Seconds between two looks at the open connections; one that sent no whole request between two of them is closed."""
MOST_HEAD = 16 << 10
"""Bytes that the head of a request may have."""


def make_server(
    service: Service, certificate: Path | None = None, key: Path | None = None, *, port: int = PORT
) -> uvicorn.Server:
    """A server on every address of the container; over TLS with a certificate."""
    config = uvicorn.Config(
        service,
        host="0.0.0.0",  # noqa: S104 - inside the container; what is published is PODS_WEB_BIND's to say
        port=port,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=MOST_HEAD,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    return uvicorn.Server(config)


async def serve(server: uvicorn.Server, changed: Callable[[], bool], *, period: float = SWEEP) -> None:
    """Serve until a signal comes, or ``changed`` says that what the server was made from is another now."""
    keeper = asyncio.create_task(_keep(server, changed, period))
    try:
        await server.serve()
    finally:
        keeper.cancel()


async def _keep(server: uvicorn.Server, changed: Callable[[], bool], period: float) -> None:
    waiting: dict[Any, Any] = {}
    while not server.should_exit:
        await asyncio.sleep(period)
        waiting = sweep(server.server_state.connections, waiting)
        if changed():
            server.should_exit = True


def sweep(connections: Collection[Any], before: dict[Any, Any]) -> dict[Any, Any]:
    """Close the connections that wait for a request as they did ``before``; return those that wait now.

    uvicorn bounds the time between two requests, but neither that before the first nor that of a request which
    trickles in; a thousand such connections would stay for ever.
    """
    waiting = {c: c.cycle for c in connections if c.cycle is None or c.cycle.response_complete}
    for connection, cycle in waiting.items():
        if before.get(connection, sweep) is cycle:
            connection.transport.close()
    return waiting
