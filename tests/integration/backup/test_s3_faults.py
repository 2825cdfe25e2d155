"""A bucket behind a line that fails: answers that are errors, are lost, or are cut short."""

import base64
import dataclasses
import hashlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from backup.store import ConflictError, StoreError
from backup.store.s3 import S3Store
from tests.fix_s3 import MakeBucket
from tests.unit.backup.store.contract import BIG, keys, whole


class Line(ThreadingHTTPServer):
    """A proxy that spoils answers: for each (method, words in the path) a list of what to do to the next ones."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.target = endpoint.removeprefix("http://")
        self.wants_md5 = self.keeps = False
        """As with Object Lock: each write must have a checksum; nothing is deleted."""
        self.faults: dict[tuple[str, str], list[str]] = {}
        self.guard = threading.Lock()

    def fault(self, method: str, path: str) -> str:
        with self.guard:
            for (wanted, words), waiting in self.faults.items():
                if wanted == method and words in path and waiting:
                    return waiting.pop(0)
        return ""


_WANTED = (
    b"<Error><Code>InvalidRequest</Code><Message>Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object "
    b"requests with Object Lock parameters</Message></Error>"
)


class Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Line

    def _pass(self) -> None:
        fault = self.server.fault(self.command, self.path)
        body = self._body()
        if refusal := self._refusal(body):
            self._send(400, {}, refusal)
            return
        if self.server.keeps and (self.command == "DELETE" or self.path.endswith("?delete")):
            self._send(403, {}, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
            return
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

    def _refusal(self, body: bytes) -> bytes:
        """As Amazon's words it; a checksum that is wrong is refused as well."""
        given = self.headers.get("Content-MD5", "")
        if given and given != base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode():
            return b"<Error><Code>BadDigest</Code></Error>"
        completes = self.command == "POST" and "uploadId=" in self.path
        if self.server.wants_md5 and not given and (self.command == "PUT" or completes):
            return _WANTED
        return b""

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
def unprobed(s3_moto: MakeBucket, line: Line) -> S3Store:
    host, port = line.server_address[:2]
    return S3Store(dataclasses.replace(s3_moto(attempts=3), endpoint=f"http://{host!s}:{port}"))


@pytest.fixture
def store(unprobed: S3Store) -> S3Store:
    unprobed.probe()
    return unprobed


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


@pytest.mark.parametrize("known", [False, True], ids=["from the first request on", "switched on meanwhile"])
def test_a_bucket_that_wants_checksums_gets_them(unprobed: S3Store, line: Line, known: bool) -> None:
    if known:
        unprobed.probe()
    line.wants_md5 = True
    assert known or unprobed.probe() == ()
    assert unprobed.create("small", b"body", {"origin": "here"}) is True
    assert unprobed.create("small", b"body") is False
    with pytest.raises(ConflictError):
        unprobed.create("small", b"another")
    unprobed.replace("small", b"changed")
    for size in (0, 100, len(BIG)):
        with unprobed.upload(f"of/{size}") as upload:
            upload.write(BIG[:size])
        assert whole(unprobed, f"of/{size}") == BIG[:size]
    unprobed.delete(keys(unprobed))
    assert keys(unprobed) == []


def test_what_goes_by_way_of_a_file_has_its_checksum_too(unprobed: S3Store, line: Line) -> None:
    line.wants_md5 = True
    unprobed._found_out["multipart"] = False
    with unprobed.upload("a") as upload:
        upload.write(BIG)
    assert whole(unprobed, "a") == BIG


def test_a_bucket_that_deletes_nothing_is_told_of_once_and_used(unprobed: S3Store, line: Line) -> None:
    line.keeps = True
    (told,) = unprobed.probe()
    assert "retention frees nothing" in told
    unprobed.create("a", b"body")
    with pytest.raises(StoreError, match="AccessDenied"):
        unprobed.delete(["a", "b"])
    assert [key for key in keys(unprobed) if not key.startswith("probe-")] == ["a"]
    line.keeps = False
    unprobed.sweep(-60)
    assert keys(unprobed) == ["a"]
