"""The service behind a real server on loopback: what clients that mean no good, or no TLS, get."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.http.hosts import HostCheck, Hosts
from cluster.http.server import MOST_HEAD, Bounds
from compose.home import certificates
from compose.home.paths import Home
from health.app import HealthService
from health.auth import Authentication
from health.server import make_server
from tests.fix_settings import settings_of, topology_of
from tests.unit.health.status_samples import polled
from tests.unit.serving import serving

PERIOD = 0.4
"""Seconds between two sweeps, here."""
BOUNDS = Bounds(sweep=PERIOD, silent=PERIOD, idle=PERIOD, stuck=PERIOD, connections=600)


@dataclass
class Served:
    """A running server."""

    port: int
    thread: threading.Thread

    def raw(self, sent: bytes = b"", timeout: float = 5.0) -> socket.socket:
        """A connection that has sent something."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        connection.sendall(sent)
        return connection

    def answer(self, sent: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        with self.raw(sent) as connection:
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def health(self) -> int:
        """The code of /health."""
        return httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=5, trust_env=False).status_code


@contextmanager
def _serving(
    port: int, tls: tuple[Path, Path] | tuple[()] = (), changed: Callable[[], bool] = lambda: False, **how: Any
) -> Iterator[Served]:
    watcher = how.get("watcher") or polled()
    service = HostCheck(
        HealthService(watcher, Authentication(how.get("secret", b""))), lambda: Hosts(frozenset({"localhost", "x"}))
    )
    server = make_server(service, *tls, port=port, bounds=BOUNDS)
    with serving(server, BOUNDS, changed) as thread:
        yield Served(port, thread)


@pytest.fixture
def served(free_port: int) -> Iterator[Served]:
    """The service on loopback."""
    with _serving(free_port) as running:
        yield running


def test_requests_on_one_connection_and_on_many(served: Served) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{served.port}", trust_env=False) as client:
        assert [client.get(path).status_code for path in ("/health", "/primary", "/nodes/primary/replica")] == [
            200,
            200,
            503,
        ]
        assert "server" not in client.get("/health").headers
    assert served.health() == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET /" + b"x" * (2 * MOST_HEAD) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * (8 * MOST_HEAD) + b"\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
    ],
)
def test_malformed_and_oversized_requests_are_refused_and_cost_nothing(served: Served, sent: bytes) -> None:
    try:
        answer = served.answer(sent)
    except ConnectionError:
        answer = b""  # closed while it still sent
    assert not answer or answer.split()[1].startswith(b"4")
    assert b"Traceback" not in answer
    assert served.health() == 200


@pytest.mark.parametrize(
    "target",
    [
        b"/%00",
        b"/nodes/%ff%fe/replica",
        b"/nodes/../../etc/passwd",
        b"//health",
        b"/health/",
        b"/\xc3\xa9",
        b"/%",
        b"*",
    ],
)
def test_strange_paths_are_not_found(served: Served, target: bytes) -> None:
    answer = served.answer(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.split()[1] in (b"404", b"400")
    assert served.health() == 200


def test_a_body_is_not_read(served: Served) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    with served.raw(head + b"x" * 100_000) as connection:
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert served.health() == 200


def _closed_within(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def test_connections_that_say_nothing_are_closed(served: Served) -> None:
    with served.raw() as silent:
        assert not _closed_within(silent, PERIOD / 4)
        assert _closed_within(silent, 4 * PERIOD)


def test_a_request_that_trickles_in_is_closed_though_it_never_falls_silent(served: Served) -> None:
    with served.raw(b"GET /health HTTP/1.1\r\n") as slow:
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            _trickle(slow, 10 * PERIOD)
    assert time.monotonic() - began < 10 * PERIOD


def _trickle(connection: socket.socket, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection.sendall(b"X: y\r\n")
        time.sleep(0.05)


def test_who_listens_to_the_stream_is_not_taken_for_silent(served: Served) -> None:
    with served.raw(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n") as listener:
        answer = b""
        while b"event: overview" not in answer:
            answer += listener.recv(1 << 20)
        assert answer.index(b"event: history") < answer.index(b"event: overview")
        assert not _closed_within(listener, 4 * PERIOD)


def test_hundreds_of_connections_that_say_nothing_keep_nobody_out(served: Served) -> None:
    idle = [served.raw() for _ in range(400)]
    try:
        began = time.monotonic()
        assert served.health() == 200
        assert time.monotonic() - began < 2
        assert all(_closed_within(connection, 10) for connection in idle)
    finally:
        for connection in idle:
            connection.close()


def test_it_ends_when_what_it_was_made_from_is_another(free_port: int) -> None:
    with _serving(free_port, changed=lambda: True) as running:
        running.thread.join(5)
        assert not running.thread.is_alive()


def test_over_tls_the_project_s_ca_is_enough(free_port: int, bare_home: Home) -> None:
    settings = settings_of(replicas="0")
    certificates.ensure_all(bare_home, settings, topology_of(settings))
    directory = bare_home.tls / "pgbouncer"
    with _serving(free_port, (directory / "server.crt", directory / "server.key")):
        trust = ssl.create_default_context(cafile=str(bare_home.ca))
        url = f"https://127.0.0.1:{free_port}/health"
        assert httpx.get(url, verify=trust, trust_env=False).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, trust_env=False)


REFUSALS = {
    b"GET /nothing HTTP/1.1": 404,
    b"GET /nodes/nobody/primary HTTP/1.1": 404,
    b"HEAD /nothing HTTP/1.1": 404,
    b"GET /page/nothing.js HTTP/1.1": 404,
    b"GET /replica?lag=much HTTP/1.1": 400,
    b"GET /replica?lag=%ff&lag=1 HTTP/1.1": 400,
    b"POST /health HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{]": 405,
    b"BREW /health HTTP/1.1": 405,
    b"PRI * HTTP/1.1": 404,
    b"GET /nothing HTTP/1.1\r\nAccept: nonsense;q=/\xff": 404,
    b"GET /nothing HTTP/1.1\r\nRange: bytes=9-1\r\nUpgrade: h2c\r\nExpect: 100-continue": 404,
    b"GET /events/ HTTP/1.1": 404,
    b"GET /health HTTP/1.1\r\nHost: evil.example": 421,
    b"HEAD /health HTTP/1.1\r\nHost: evil.example": 421,
}
"""Each is what a stranger may send; the code of its answer."""


def _request(sent: bytes) -> bytes:
    host = b"" if b"Host:" in sent else b"\r\nHost: x"
    head, separator, body = sent.partition(b"\r\n\r\n")
    return head + host + b"\r\n\r\n" + (body if separator else b"")


def _status(connection: socket.socket, sent: bytes) -> int:
    """One answer, read to its end."""
    from http.client import HTTPResponse

    connection.sendall(_request(sent))
    answer = HTTPResponse(connection, method=sent.split()[0].decode())
    answer.begin()
    answer.read()
    return answer.status


def test_no_refusal_is_logged_or_ends_the_connection(
    served: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with served.raw() as connection:
        assert {sent: _status(connection, sent) for sent in REFUSALS} == REFUSALS
        assert _status(connection, b"GET /health HTTP/1.1") == 200
    assert (caplog.records, *capfd.readouterr()) == ([], "", "")


def test_neither_is_one_without_knowledge_or_secret(
    free_port: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for how, code in (({"watcher": polled(age=60)}, 503), ({"secret": b"x"}, 401)):
        with _serving(free_port, **how) as served, served.raw() as connection:
            assert [_status(connection, b"GET /primary HTTP/1.1") for _ in range(3)] == [code] * 3
    assert (caplog.records, *capfd.readouterr()) == ([], "", "")


def test_what_is_no_http_is_not_logged(
    served: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    assert served.answer(b"nonsense\r\n\r\n").split()[1] == b"400"
    assert (caplog.records, *capfd.readouterr()) == ([], "", "")


LISTEN = b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n"


def _first(connection: socket.socket) -> bytes:
    found = b""
    while b"event: overview" not in found:
        more = connection.recv(1 << 16)
        if not more:
            break
        found += more
    return found


def test_listeners_that_read_nothing_keep_nobody_from_listening(served: Served) -> None:
    mute = [served.raw(LISTEN) for _ in range(300)]
    try:
        time.sleep(2 * PERIOD)
        with served.raw(LISTEN) as listener:
            assert b"event: overview" in _first(listener)
            assert served.health() == 200
    finally:
        for connection in mute:
            connection.close()


def test_more_connections_than_there_is_room_for_keep_no_check_out(served: Served) -> None:
    busy = [served.raw(LISTEN) for _ in range(50)] + [served.raw() for _ in range(BOUNDS.connections)]
    try:
        assert [served.health() for _ in range(20)] == [200] * 20
    finally:
        for connection in busy:
            connection.close()
