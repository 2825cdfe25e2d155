"""The store as the sandbox sees it: what the backup side reads out over the socket."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from backup.sandbox.wire import ClosedError, receive_content, send
from backup.store import MOST_WHOLE, Stored, StoreError, refuse_larger
from cluster.errors import RefusedError

_PATIENCE = 300.0
"""Seconds for the next piece: a bucket may be slow, and the backup side tries again by itself."""


@contextmanager
def conversation(path: Path, timeout: float | None) -> Iterator[socket.socket]:
    """A connection to the backup side.

    Raises:
        OSError: it does not listen.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        yield connection


class RemoteStore:
    """Objects of one restore; nothing can be written. A connection for each request, so that threads share nothing."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    def get(self, key: str, most: int = MOST_WHOLE) -> bytes:
        """A whole object of at most ``most`` bytes."""
        body = bytearray()
        for piece in self._request("get", key=key):
            body += piece
            refuse_larger(key, len(body), most)
        return bytes(body)

    def read(self, key: str) -> Iterator[bytes]:
        """An object of any size, in pieces."""
        return self._request("read", key=key)

    def head(self, key: str) -> Stored | None:
        """What is known of an object."""
        found = json.loads(b"".join(self._request("head", key=key)))
        return None if found is None else Stored(**found)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        """The pieces of an unfinished segment; of others there is no list."""
        found = json.loads(b"".join(self._request("list", prefix=prefix)))
        return (Stored(**each) for each in found if each["key"] > after)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise RefusedError("from here the store can only be read")

    create = replace = upload = delete = sweep = _refuse

    def _request(self, what: str, **details: Any) -> Iterator[bytes]:
        try:
            with conversation(self._path, _PATIENCE) as connection:
                send(connection, {"ask": what, **details})
                yield from receive_content(connection)
        except (OSError, ClosedError) as error:
            raise StoreError(f"the backup side does not answer: {error}") from None
