"""The exporter behind its real server: what a stranger gets neither ends a connection nor fills the log."""

import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from cluster.http.hosts import HostCheck, read_hosts
from cluster.http.server import Bounds, make_server
from exporters.server import app
from tests.fix_settings import settings_of
from tests.unit.config_samples import mounted
from tests.unit.serving import serving

BOUNDS = Bounds(sweep=0.2, silent=0.4, idle=30)
REFUSALS = {
    b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n": 404,
    b"GET /probe?target=nobody HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
    b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{]": 405,
    b"BREW /sd HTTP/1.1\r\nHost: localhost\r\n\r\n": 405,
    b"GET /sd HTTP/1.1\r\nHost: evil.example\r\n\r\n": 421,
    b"HEAD /sd HTTP/1.1\r\nHost: evil.example\r\n\r\n": 421,
    b"GET /-/ready HTTP/1.1\r\nHost: exporter:9187\r\nAccept: nonsense;q=/\xff\r\n\r\n": 200,
}


@pytest.fixture
def port(free_port: int, tmp_path: Path) -> Iterator[int]:
    """An exporter on loopback, wired as its process is."""
    window = mounted(tmp_path, settings_of())
    hosts = HostCheck(app(window), lambda: read_hosts(window, "exporter", lambda settings: (settings.web_bind,)))
    server = make_server(hosts, port=free_port, bounds=BOUNDS)
    with serving(server, BOUNDS):
        yield free_port


def _status(connection: socket.socket, request: bytes) -> int:
    """One answer, read to its end."""
    connection.sendall(request)
    answer = HTTPResponse(connection, method=request.split()[0].decode())
    answer.begin()
    answer.read()
    return answer.status


def test_no_refusal_is_logged_or_ends_the_connection(
    port: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    found = {}
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for request in REFUSALS:
            found[request] = _status(connection, request)
    assert found == REFUSALS
    assert (caplog.records, *capfd.readouterr()) == ([], "", "")


def test_who_says_nothing_is_sent_away_and_who_asks_each_interval_is_not(port: int) -> None:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as silent,
        socket.create_connection(("127.0.0.1", port), timeout=5) as prometheus,
    ):
        for _ in range(2):
            assert _status(prometheus, b"GET /-/healthy HTTP/1.1\r\nHost: exporter:9187\r\n\r\n") == 200
            time.sleep(4 * BOUNDS.silent)
        assert silent.recv(1) == b""
