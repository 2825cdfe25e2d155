"""`python -m exporters.gate`: writes container statistics to every connection on a Unix socket; takes no request.

The only service with the engine's socket. It has no network, and reads nothing from its callers: a connection gets the
document and is closed.
"""

import json
import os
import signal
import socketserver
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from cluster.json_log import choose_log_format
from exporters.gate.engine import Engine
from exporters.gate.reader import Reader

SOCKET = Path("/run/gate/gate.sock")
_FRESH = 1.0
"""Seconds for which one document serves all connections."""


class Gate(socketserver.ThreadingUnixStreamServer):
    """Writes the current document to every connection."""

    daemon_threads = True

    def __init__(self, path: Path, reader: Reader) -> None:
        path.unlink(missing_ok=True)
        super().__init__(str(path), _Answer)
        path.chmod(0o600)
        self._reader = reader
        self._lock = threading.Lock()
        self._body, self._until = b"", 0.0

    def body(self) -> bytes:
        """The document, or why there is none."""
        with self._lock:
            if time.monotonic() > self._until:
                self._body, self._until = self._read(), time.monotonic() + _FRESH
            return self._body

    def _read(self) -> bytes:
        try:
            return json.dumps(self._reader.read()).encode()
        except (OSError, KeyError, TypeError, ValueError) as error:
            return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()


class _Answer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Gate)
        self.request.settimeout(5)
        with suppress(OSError):  # the client may have gone
            self.request.sendall(server.body())


def main() -> None:
    """Serve until told to stop."""
    choose_log_format("gate")
    project, engine = os.environ["PODS_PROJECT"], os.environ["PODS_ENGINE_SOCKET"]
    gate = Gate(SOCKET, Reader(Engine(engine, project)))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=gate.shutdown).start())
    print(f"the gate of {project} is open at {SOCKET}", file=sys.stderr)  # noqa: T201 - its log
    gate.serve_forever()


if __name__ == "__main__":
    main()
