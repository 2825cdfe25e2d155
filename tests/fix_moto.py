"""moto's server in this process, with a record of what it was asked for and how much it sent."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pytest

from backup.store.s3_client import Bucket
from tests.fix_s3 import bucket_maker


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: bytes are those of the body that was sent back."""

    method: str
    path: str
    range: str
    sent: int


@dataclass(slots=True)
class RecordedServer:
    """An endpoint that records; a middleware in front of moto."""

    application: Callable[..., Iterable[bytes]]
    endpoint: str = ""
    _requests: list[Request] = field(default_factory=list)
    _open: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def requests(self) -> list[Request]:
        """All there were: one whose answer is out may not be noted yet, and is waited for."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, timeout=5)
            return self._requests

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        sent = 0
        with self._changed:
            self._open += 1
        try:
            for piece in self.application(environ, start_response):
                sent += len(piece)
                yield piece
        finally:  # a client may break an answer off
            path = unquote(environ.get("RAW_URI", environ["PATH_INFO"]).split("?")[0])
            given = environ.get("HTTP_RANGE", "")
            with self._changed:
                self._requests.append(Request(method=environ["REQUEST_METHOD"], path=path, range=given, sent=sent))
                self._open -= 1
                self._changed.notify_all()

    def of(self, bucket: Bucket, key: str, method: str) -> list[Request]:
        """The requests of one kind for one object."""
        path = f"/{bucket.name}/{bucket.full(key)}"
        return [each for each in self.requests if each.path == path and each.method == method]

    def bucket(self, **options: object) -> Bucket:
        """A new bucket; arguments as of `Bucket`."""
        return bucket_maker(self.endpoint)(**options)


@pytest.fixture(scope="session")
def recorded_s3() -> Iterator[RecordedServer]:
    """The server; a test clears ``requests`` before what it counts."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    recorded = RecordedServer(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, recorded, threaded=True, request_handler=MotoRequestHandler)
    recorded.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, name="moto")
    thread.start()
    try:
        yield recorded
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
