"""An engine's API: a real HTTP server on a Unix socket, whose answers a test writes."""

import http.server
import json
import socketserver
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.unit.engine_samples import sample


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


@dataclass
class FakeEngine:
    """Containers by id, what was asked, and how to answer wrongly. ``raw``: these bytes instead of HTTP."""

    socket: str
    inspected: dict[str, dict[str, Any]] = field(default_factory=dict)
    stats: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    ooms: list[str] = field(default_factory=list)
    one_off: set[str] = field(default_factory=set)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)
    status: int = 200
    raw: bytes | None = None

    def add(self, name: str, inspected: str = "inspect_running", stats: str = "stats_v1") -> None:
        """One more container, as in a sample."""
        self.inspected[name] = {**sample(inspected), "Id": name, "Name": f"/{name}"}
        self.stats[name] = sample(stats)

    def asked_for(self, path: str) -> list[dict[str, str]]:
        """The queries with which ``path`` was asked for."""
        return [query for asked, query in self.asked if asked == path]

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        parts = path.strip("/").split("/")
        if self.status != 200 or (len(parts) == 3 and parts[1] in self.gone):
            return (404 if self.status == 200 else self.status), b'{"message": "no"}'
        if path == "/events":
            return 200, b"".join(json.dumps({"Actor": {"ID": name}}).encode() + b"\n" for name in self.ooms)
        return 200, json.dumps(self._document(parts)).encode()

    def _document(self, parts: list[str]) -> Any:
        if parts == ["info"]:
            return {"NCPU": 2, "MemTotal": 25276510208}
        if parts == ["containers", "json"]:
            return [{"Id": name, "Labels": self._labels(name)} for name in self.inspected]
        return self.inspected[parts[1]] if parts[2] == "json" else self.stats[parts[1]]

    def _labels(self, name: str) -> dict[str, str]:
        return {"com.docker.compose.oneoff": "True" if name in self.one_off else "False"}


def _handler(engine: FakeEngine) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urllib.parse.urlsplit(self.path)
            engine.methods.add(self.command)
            engine.asked.append((address.path, dict(urllib.parse.parse_qsl(address.query))))
            if engine.raw is not None:
                self.wfile.write(engine.raw)
                return
            status, body = engine.answer(address.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """A Unix socket's peer has no address to log."""

    return Handler


@contextmanager
def running(directory: Path) -> Iterator[FakeEngine]:
    """An engine that listens in ``directory``."""
    engine = FakeEngine(socket=str(directory / "engine.sock"))
    with _Server(engine.socket, _handler(engine)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield engine
        finally:
            server.shutdown()
            thread.join()
