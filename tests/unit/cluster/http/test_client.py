"""Requests to a server that is real and small: its answer, or a line that says why there is none."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cluster.errors import MachineError
from cluster.http.client import WebAccess, host_access, network_access, request_json
from tests.fix_settings import settings_of

ANSWERS = {
    "/list": (200, b'[{"a": 1}]'),
    "/nothing": (200, b""),
    "/locked": (401, b"who are you"),
    "/broken": (500, b"no \x1b[31m such\xff thing"),
    "/page": (200, b"<html>"),
    "/infinite": (200, b"[Infinity]"),
}


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS[self.path]
        self._answer(status, body)

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(200, json.dumps({"given": given, "login": self.headers["Authorization"]}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def access() -> Iterator[WebAccess]:
    """Of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield _access(server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


def _access(port: int, *, secure: bool = False, ca: Path = Path("/nonexistent")) -> WebAccess:
    return WebAccess(service="prometheus", host="127.0.0.1", port=port, secure=secure, password="pw", ca=ca)


def test_an_answer_is_data(access: WebAccess) -> None:
    assert request_json(access, "/list") == [{"a": 1}]
    assert request_json(access, "/nothing") is None
    sent = request_json(access, "/list", method="POST", body={"a": "ä"})
    assert sent == {"given": {"a": "ä"}, "login": "Basic cG9kczpwdw=="}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/locked", "Prometheus refuses the password in secrets/prometheus_password"),
        ("/broken", "Prometheus answers with 500: no \N{REPLACEMENT CHARACTER}[31m such"),
        ("/page", "Prometheus's answer to /page is no JSON"),
        ("/infinite", "Infinity is no number"),
    ],
)
def test_a_refusal_is_a_line(access: WebAccess, path: str, words: str) -> None:
    with pytest.raises(MachineError) as caught:
        request_json(access, path)
    assert words in caught.value.message
    assert caught.value.message.isprintable()


def test_nobody_there_is_a_line_too(access: WebAccess) -> None:
    with pytest.raises(MachineError, match="Prometheus does not answer: Connection refused"):
        request_json(_access(9), "/list")
    with pytest.raises(MachineError, match="/nonexistent cannot be read"):
        request_json(_access(9, secure=True), "/list")


def test_the_host_goes_by_the_page_and_a_container_by_the_name() -> None:
    settings = settings_of(web_bind="0.0.0.0", alertmanager_port="19093", health_bind="127.0.0.1")
    outside = host_access(settings, "alertmanager", "pw", Path("/ca"))
    within = network_access(settings, "alertmanager", "pw", Path("/ca"))
    assert (outside.host, outside.port, outside.secure) == ("127.0.0.1", 19093, True)
    assert (within.host, within.port, within.secure) == ("alertmanager", 9093, True)
    assert "pw" not in repr(outside)
