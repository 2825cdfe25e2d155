"""What clients may cost: who stands still is ended, who comes is heard. The real server is in test_health_server.py."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.http.server import Bounds, make_room, make_server, sweep
from tests.unit.serving import serving

BOUNDS = Bounds(sweep=0.1, silent=0.3, idle=5, stuck=0.3)
BIG = b"x" * (32 << 20)


@dataclass(eq=False)
class _Transport:
    unsent: int = 0
    aborted: bool = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.aborted = True


@dataclass
class _Cycle:
    response_complete: bool = False


@dataclass(eq=False)
class _Connection:
    client: tuple[str, int] = ("192.0.2.1", 1)
    cycle: _Cycle | None = None
    since: float = 0.0
    transport: _Transport = field(default_factory=_Transport)


def _swept(connection: _Connection, *moments: float) -> float | None:
    """The first of these moments at which it is ended."""
    seen: dict[Any, Any] = {}
    for moment in moments:
        seen = sweep([connection], seen, Bounds(), moment)
        if connection.transport.aborted:
            return moment
    return None


MOMENTS = [float(second) for second in range(0, 100, 5)]


@pytest.mark.parametrize(
    ("connection", "ended"),
    [
        (_Connection(), 5.0),
        (_Connection(cycle=_Cycle(response_complete=True)), 5.0),
        (_Connection(cycle=_Cycle()), None),
        (_Connection(cycle=_Cycle(), transport=_Transport(70_000)), 10.0),
        (_Connection(cycle=_Cycle(response_complete=True), transport=_Transport(70_000)), 10.0),
    ],
)
def test_who_stands_still_is_ended_and_who_waits_for_an_answer_is_not(
    connection: _Connection, ended: float | None
) -> None:
    assert _swept(connection, *MOMENTS) == ended


def test_each_request_and_each_byte_taken_begins_anew() -> None:
    connection, seen = _Connection(cycle=_Cycle(), transport=_Transport(10_000)), dict[Any, Any]()
    for moment in MOMENTS:
        seen = sweep([connection], seen, Bounds(), moment)
        connection.transport.unsent -= 1
    connection.transport.unsent = 0
    for moment in MOMENTS:
        connection.cycle = _Cycle(response_complete=True)
        seen = sweep([connection], seen, Bounds(), 100 + moment)
    assert not connection.transport.aborted


def test_who_has_most_makes_room_first_the_oldest_that_waits() -> None:
    stranger = [_Connection(("192.0.2.66", n), _Cycle(), since=n) for n in range(10)]
    idle = _Connection(("192.0.2.66", 99), _Cycle(response_complete=True), since=99)
    balancer = _Connection(("192.0.2.2", 1), _Cycle(response_complete=True), since=-5)
    connections = {*stranger, idle, balancer}
    make_room(connections, 12)
    assert len(connections) == 12
    make_room(connections, 11)
    assert idle.transport.aborted
    make_room(connections, 10)
    assert stranger[0].transport.aborted
    assert balancer in connections


def test_who_has_just_come_is_not_the_one_to_leave() -> None:
    old = [_Connection(since=n) for n in range(5)]
    new = _Connection(since=100)
    connections = {*old, new}
    make_room(connections, 5)
    assert new in connections


async def _application(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(BIG))]})
    await send({"type": "http.response.body", "body": BIG})


@pytest.fixture
def port(free_port: int) -> Iterator[int]:
    """A server that gives much."""
    server = make_server(_application, port=free_port, bounds=BOUNDS)
    with serving(server, BOUNDS):
        yield free_port


def _taken(port: int, pause: float) -> int:
    """Bytes that come to a client which first does nothing for a while."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(pause)
        try:
            return sum(len(part) for part in iter(lambda: connection.recv(1 << 20), b""))
        except ConnectionError:
            return 0


def test_an_answer_that_nobody_reads_is_given_up(port: int, caplog: pytest.LogCaptureFixture) -> None:
    assert _taken(port, 0) > len(BIG)
    assert _taken(port, 10 * BOUNDS.stuck) < len(BIG)
    assert caplog.records == []
