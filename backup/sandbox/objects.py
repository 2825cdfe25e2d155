"""The backup side's answers: the objects of one restore, and of them only to read.

The sandbox may have the files of the backups in the chain and the cluster's WAL. It names them by key, the key is
checked by its grammar, and nothing it says becomes a path otherwise.
"""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from backup.layout import BACKUP_JSON, MANIFEST, archive_key, parse_backup_key, parse_wal_key, system_prefix
from backup.sandbox.wire import receive, send_content
from backup.store import Store
from cluster.errors import PodsError, RefusedError

REQUEST = 4096
"""Most bytes of a request."""
_MOST_LISTED = 4096
_WHOLE = 9
"""Whole objects in memory at once: as many as a restore_command asks for."""
_TAIL = re.compile(r"[0-9]{1,20}/wal/([0-9A-F]{8})/\1[0-9A-F]{16}\.tail/\Z")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be read: ``backups`` by name, and the WAL, of the cluster ``system``."""

    system: str
    backups: frozenset[str]

    def check(self, key: object, *, whole: bool) -> str:
        """The key, if its object may be read; ``whole``: in one piece, so not an archive of any size.

        Raises:
            RefusedError: it may not.
        """
        if isinstance(key, str) and len(key) < 300 and key.startswith(system_prefix(self.system)):
            named = parse_backup_key(key)
            if key == archive_key(self.system) or parse_wal_key(key):
                return key
            if named and named[0] in self.backups and (not whole or named[1] in (BACKUP_JSON, MANIFEST)):
                return key
        raise RefusedError("the sandbox asks for an object that this restore does not need")

    def check_prefix(self, prefix: object) -> str:
        """The prefix, if it is that of the pieces of one unfinished segment."""
        if isinstance(prefix, str) and prefix.startswith(system_prefix(self.system)) and _TAIL.match(prefix):
            return prefix
        raise RefusedError("the sandbox asks for a list that this restore does not need")


class Objects:
    """Answers requests; safe for all threads."""

    def __init__(self, store: Store, allowed: Allowed) -> None:
        self._store, self._allowed = store, allowed
        self._whole = threading.BoundedSemaphore(_WHOLE)
        self._answers: Mapping[str, Callable[[Mapping[str, Any]], Iterator[bytes]]] = {
            "get": self._get,
            "read": self._read,
            "head": self._head,
            "list": self._list,
        }

    def answer(self, connection: socket.socket, request: Mapping[str, Any]) -> None:
        """Answer one request on its connection."""
        send_content(connection, self._pieces(request))

    def _pieces(self, request: Mapping[str, Any]) -> Iterator[bytes]:
        answer = self._answers.get(str(request.get("ask")))
        if answer is None:
            raise RefusedError("the sandbox asks for something unknown")
        try:
            yield from answer(request)
        except PodsError:
            raise
        except ValueError as error:
            raise RefusedError(f"the sandbox asks for something unknown: {error}") from None

    def _get(self, request: Mapping[str, Any]) -> Iterator[bytes]:
        key = self._allowed.check(request.get("key"), whole=True)
        with self._whole:
            yield self._store.get(key)

    def _read(self, request: Mapping[str, Any]) -> Iterator[bytes]:
        yield from self._store.read(self._allowed.check(request.get("key"), whole=False))

    def _head(self, request: Mapping[str, Any]) -> Iterator[bytes]:
        found = self._store.head(self._allowed.check(request.get("key"), whole=False))
        yield json.dumps(asdict(found) | {"metadata": {}} if found else None).encode()

    def _list(self, request: Mapping[str, Any]) -> Iterator[bytes]:
        prefix = self._allowed.check_prefix(request.get("prefix"))
        found = islice(self._store.list(prefix), _MOST_LISTED)
        yield json.dumps([asdict(stored) | {"metadata": {}} for stored in found]).encode()


def take_request(connection: socket.socket) -> Mapping[str, Any]:
    """What the other side wants."""
    return receive(connection, REQUEST)
