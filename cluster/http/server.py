"""The HTTP server of every service (uvicorn), with bounds on what clients may cost.

uvicorn bounds the time between two requests, but neither that before the first, nor that of a request which trickles
in, nor that of an answer which nobody reads; and when its connections are used up, it refuses who comes, not who stays.
"""

import asyncio
import heapq
import resource
import time
from collections import Counter
from collections.abc import Callable, Collection, MutableSet
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_HEAD = 16 << 10
"""Bytes that the head of a request may have."""
_SHARE = 20
_OWN_FILES = 256
"""Descriptors kept for what is no client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Seconds, but for ``connections``. A bound is found to be passed at the next sweep."""

    connections: int = 4000
    sweep: float = 5.0
    silent: float = 5.0
    """Before the first request is there as a whole."""
    idle: float = 5.0
    """Between an answer and the whole of the next request."""
    stuck: float = 10.0
    """In which a client takes nothing of what is sent to it."""


@dataclass(frozen=True, slots=True)
class Standstill:
    """A connection without progress: its request cycle and unsent bytes, and since when (monotonic seconds)."""

    cycle: Any
    unsent: int
    since: float


def make_server(
    application: Any,
    *,
    port: int,
    bounds: Bounds,
    lifespan: bool = False,
    certificate: Path | None = None,
    key: Path | None = None,
) -> uvicorn.Server:
    """A server on every address of the container; over TLS with a certificate.

    Its own log begins at errors: malformed requests are the clients' business, and would push all else out of the log.
    """
    config = uvicorn.Config(
        application,
        host="0.0.0.0",  # noqa: S104 - inside the container; what is published, settings say
        port=port,
        loop="asyncio",
        http=_bounded(_room(bounds.connections)),
        ws="none",
        lifespan="on" if lifespan else "off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        timeout_keep_alive=max(1, round(bounds.idle)),
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=MOST_HEAD,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    return uvicorn.Server(config)


async def serve(
    server: uvicorn.Server,
    bounds: Bounds,
    changed: Callable[[], bool] = lambda: False,
    sockets: list[socket] | None = None,
) -> None:
    """Serve until a signal comes, or ``changed`` says that what the server was made from is another now.

    On ``sockets``, where there are any; else on every address.
    """
    keeper = asyncio.create_task(_keep(server, bounds, changed))
    try:
        await server.serve(sockets)
    finally:
        keeper.cancel()


async def _keep(server: uvicorn.Server, bounds: Bounds, changed: Callable[[], bool]) -> None:
    seen: dict[Any, Standstill] = {}
    while not server.should_exit:
        await asyncio.sleep(bounds.sweep)
        seen = sweep(server.server_state.connections, seen, bounds, time.monotonic())
        if changed():
            server.should_exit = True


def sweep(
    connections: Collection[Any], before: dict[Any, Standstill], bounds: Bounds, now: float
) -> dict[Any, Standstill]:
    """End the connections that have stood still for too long; return those that stand still now."""
    states = {connection: _standstill(connection, before.get(connection), now) for connection in list(connections)}
    found = {connection: state for connection, state in states.items() if state is not None}
    for connection, state in found.items():
        if now - state.since >= _allowed(connection, state, bounds):
            # not close(), which waits until the client has read what is left
            connection.transport.abort()
    return found


def _standstill(connection: Any, before: Standstill | None, now: float) -> Standstill | None:
    cycle, unsent = connection.cycle, connection.transport.get_write_buffer_size()
    if not _waits(connection) and not unsent:
        return None
    if before is not None and before.cycle is cycle and before.unsent == unsent:
        return before
    return Standstill(cycle, unsent, now)


def _allowed(connection: Any, state: Standstill, bounds: Bounds) -> float:
    if state.unsent:
        return bounds.stuck
    return bounds.silent if connection.cycle is None else bounds.idle


def _waits(connection: Any) -> bool:
    return connection.cycle is None or bool(connection.cycle.response_complete)


def make_room(connections: MutableSet[Any], most: int) -> None:
    """End connections if there are more than ``most``, so that who comes is always heard.

    They are of the address that has most of them; there the oldest that wait for a request, else the oldest. A share of
    them goes at once, for to look at all of them for each that comes would take longer than to answer it.
    """
    if len(connections) <= most:
        return
    address, _ = Counter(map(_address, connections)).most_common(1)[0]
    candidates = [connection for connection in connections if _address(connection) == address]
    waiting = [connection for connection in candidates if _waits(connection)]
    share = max(1, most // _SHARE) if waiting else 1
    for victim in heapq.nsmallest(share, waiting or candidates, key=lambda connection: connection.since):
        connections.discard(victim)
        victim.transport.abort()


def _address(connection: Any) -> str:
    return str(connection.client[0]) if connection.client else ""


def _bounded(most: int) -> type[H11Protocol]:
    class Bounded(H11Protocol):
        """uvicorn's protocol, which makes room for each connection."""

        since = 0.0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.since = time.monotonic()
            make_room(self.connections, most)

    return Bounded


def _room(wanted: int) -> int:
    """So many connections as the process may have descriptors for, at most ``wanted``; takes what it is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted + _OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < enough:
        soft = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OWN_FILES))
