"""A client for the few Docker Engine API requests of the gate: GET over its socket, with paths from this file alone.

Not the Docker SDK: whoever holds the socket holds the host, so what runs beside it is small enough to be read whole.
"""

import http.client
import json
import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any

from exporters.gate.engine_types import ContainerSummary, Info, Inspected, Stats

_TIMEOUT = 5.0


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(self._path)


class Engine:
    """The containers of one Compose project, as the engine behind ``path`` sees them."""

    def __init__(self, path: str, project: str) -> None:
        self._path = path
        self._label = f"com.docker.compose.project={project}"

    def containers(self) -> list[ContainerSummary]:
        """Every container of the project, running or not."""
        found: list[ContainerSummary] = self._get_json("/containers/json", all="1", filters={"label": [self._label]})
        return found

    def inspect(self, container: str) -> Inspected:
        """`docker inspect` of one container."""
        found: Inspected = self._get_json(f"/containers/{container}/json")
        return found

    def stats(self, container: str) -> Stats | None:
        """One sample of what a container uses, at once: without ``one-shot`` the engine waits a second for a second.

        None for one that does not run: the engine answers with zeros then, read in the year 1.
        """
        found: Stats = self._get_json(f"/containers/{container}/stats", stream="false", **{"one-shot": "true"})
        return None if found["read"].startswith("0001") else found

    def ooms(self, since: float, until: float) -> Iterator[str]:
        """Ids of the project's containers in which a process was killed for want of memory in [since, until)."""
        wanted = {"event": ["oom"], "label": [self._label]}
        text = self._get("/events", since=f"{since:.9f}", until=f"{until:.9f}", filters=wanted)
        for line in text.splitlines():
            yield json.loads(line)["Actor"]["ID"]

    def info(self) -> Info:
        """The host."""
        found: Info = self._get_json("/info")
        return found

    def _get_json(self, path: str, **query: Any) -> Any:
        return json.loads(self._get(path, **query))

    def _get(self, path: str, **query: Any) -> bytes:
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
        connection = _Connection(self._path)
        try:
            connection.request("GET", path + ("?" + urllib.parse.urlencode(texts) if texts else ""))
            answer = connection.getresponse()
            body = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"the engine's answer to {path} is no HTTP: {error!r}") from None
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise OSError(f"the engine answers {answer.status} to {path}")
        return body
