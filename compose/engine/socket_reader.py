"""Reading a cluster's containers over the engine's socket, without the Docker SDK, which takes half a second to load.

HTTP/1.0, so that an answer ends with its connection. Only GET; for an engine that is not behind a socket of this host
there is the SDK.
"""

import json
import socket
import struct
from collections.abc import Iterator
from urllib.parse import quote

from cluster.errors import MachineError
from compose.engine.containers import Container, explaining_line, made_of
from compose.engine.daemon import docker_host

_SECONDS = 5.0
_STREAM_HEAD = struct.Struct(">BxxxL")
"""Before each piece of a log: which stream it is of, and its length."""


class SocketReader:
    """The containers of one project as the engine behind a socket of this host sees them."""

    def __init__(self, project: str) -> None:
        self._path = docker_host().removeprefix("unix://")
        self._project = project

    @staticmethod
    def usable() -> bool:
        """Whether the engine is behind a socket of this host."""
        return docker_host().startswith("unix://")

    def containers(self) -> dict[str, Container]:
        """Those of lasting services, by service.

        Raises:
            MachineError: the engine does not answer.
        """
        label = json.dumps({"label": [f"com.docker.compose.project={self._project}"]})
        rows = json.loads(self._get(f"/containers/json?all=1&filters={quote(label)}"))
        found = [made_of(json.loads(raw)) for row in rows if (raw := self._get(f"/containers/{row['Id']}/json"))]
        return {container.service: container for container in found if not container.one_off}

    def last_log_line(self, container: Container) -> str:
        """The last thing a container said that explains its state."""
        raw = self._get(f"/containers/{container.id}/logs?stdout=1&stderr=1&tail=40")
        return explaining_line(b"".join(_pieces(raw)).decode(errors="replace"))

    def _get(self, path: str) -> bytes:
        """The body of an answer; empty where there is no such container any more."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_SECONDS)
                connection.connect(self._path)
                connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError as error:
            raise MachineError(f"the engine at {self._path} does not answer: {error.strerror or error}") from None
        head, _, body = answer.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1:2]
        if status not in ([b"200"], [b"404"]):
            raise MachineError(f"the engine at {self._path} does not answer as it should", "see inv doctor")
        return body if status == [b"200"] else b""


def _pieces(raw: bytes) -> Iterator[bytes]:
    position = 0
    while position + _STREAM_HEAD.size <= len(raw):
        _, length = _STREAM_HEAD.unpack_from(raw, position)
        position += _STREAM_HEAD.size
        yield raw[position : position + length]
        position += length
