"""A bucket behind a line that fails: answers that are errors, are lost, or are cut short."""

import dataclasses
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from backup.store import StoreError
from backup.store.s3 import S3Store
from tests.fix_s3 import MakeBucket
from tests.unit.backup.store.contract import BIG, keys, whole


class Line(ThreadingHTTPServer):
    """A proxy that spoils answers: for each (method, words in the path) a list of what to do to the next ones."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.target = endpoint.removeprefix("http://")
        self.faults: dict[tuple[str, str], list[str]] = {}
        self.guard = threading.Lock()

    def fault(self, method: str, path: str) -> str:
        with self.guard:
            for (wanted, words), waiting in self.faults.items():
                if wanted == method and words in path and waiting:
                    return waiting.pop(0)
        return ""


class Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Line

    def _pass(self) -> None:
        fault = self.server.fault(self.command, self.path)
        body = self._body()
        if fault.isdigit():
            self._send(int(fault), {}, b"<Error><Code>SlowDown</Code></Error>")
            return
        line = http.client.HTTPConnection(self.server.target, timeout=30)
        line.request(self.command, self.path, body, {**self.headers, "Connection": "close", "Expect": ""})
        answer = line.getresponse()
        content = answer.read()
        line.close()
        if fault == "lost":
            self.close_connection = True
            return
        self._send(answer.status, dict(answer.getheaders()), content, cut=fault == "cut")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, status: int, headers: dict[str, str], content: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        length = headers.get("Content-Length", str(len(content))) if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def line(moto: str) -> Iterator[Line]:
    server = Line(moto)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def store(s3_moto: MakeBucket, line: Line) -> S3Store:
    host, port = line.server_address[:2]
    store = S3Store(dataclasses.replace(s3_moto(attempts=3), endpoint=f"http://{host!s}:{port}"))
    store.probe()
    return store


def test_errors_that_pass_are_got_over(store: S3Store, line: Line) -> None:
    line.faults = {("PUT", "/a"): ["503", "500"], ("GET", "/a"): ["503"], ("HEAD", "/a"): ["500"]}
    assert store.create("a", b"body") is True
    assert store.get("a") == b"body"
    assert store.head("a") is not None


def test_errors_that_stay_are_said(store: S3Store, line: Line) -> None:
    store.create("b", b"body")
    line.faults = {("PUT", "/a"): ["503"] * 9, ("GET", "/b"): ["500"] * 99, ("HEAD", "/b"): ["503"] * 9}
    with pytest.raises(StoreError, match=r"a: .*SlowDown"):
        store.create("a", b"body")
    with pytest.raises(StoreError):
        store.get("b")
    with pytest.raises(StoreError):
        store.head("b")
    line.faults = {}
    assert keys(store) == ["b"]


def test_an_answer_that_is_lost_is_no_conflict_with_oneself(store: S3Store, line: Line) -> None:
    line.faults = {("PUT", "/a"): ["lost"]}
    store.create("a", b"body")
    assert store.get("a") == b"body"


def test_a_lost_answer_at_the_end_of_an_upload_is_got_over(store: S3Store, line: Line) -> None:
    line.faults = {("POST", "uploadId"): ["lost"], ("PUT", "partNumber=2"): ["lost", "503"]}
    with store.upload("a") as upload:
        upload.write(BIG)
    assert whole(store, "a") == BIG
    assert store.sweep(-60) == 0


def test_a_part_that_cannot_be_sent_ends_the_upload_and_leaves_nothing(store: S3Store, line: Line) -> None:
    line.faults = {("PUT", "partNumber=1"): ["500"] * 9}
    with pytest.raises(StoreError), store.upload("a") as upload:
        upload.write(BIG)
    assert keys(store) == []
    assert store.sweep(-60) == 0


def test_an_upload_whose_abort_fails_too_is_swept(store: S3Store, line: Line) -> None:
    line.faults = {("PUT", "partNumber=1"): ["500"] * 9, ("DELETE", "uploadId"): ["503"] * 9}
    with pytest.raises(StoreError), store.upload("a") as upload:
        upload.write(BIG)
    line.faults = {}
    assert keys(store) == []
    assert store.sweep(-60) == 1


def test_an_answer_that_is_cut_is_not_taken_for_the_whole(store: S3Store, line: Line) -> None:
    store.create("a", b"x" * 100_000)
    line.faults = {("GET", "/a"): ["cut"] * 3}
    with pytest.raises(StoreError):
        store.get("a")


def test_a_read_goes_on_where_an_answer_broke(store: S3Store, line: Line) -> None:
    with store.upload("a") as upload:
        upload.write(BIG)
    line.faults = {("GET", "/a"): ["cut", "503", "lost", "cut"]}
    assert whole(store, "a") == BIG
    assert line.faults[("GET", "/a")] == []


def test_a_deletion_that_fails_is_said_and_can_be_repeated(store: S3Store, line: Line) -> None:
    store.create("a", b"")
    line.faults = {("POST", "delete"): ["503"] * 9}
    with pytest.raises(StoreError):
        store.delete(["a"])
    line.faults = {}
    store.delete(["a"])
    assert keys(store) == []
