"""The primary as the supervisor sees it: by a connection that is kept, and by the engine where that says nothing."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cluster.lock import FileLock
from cluster.postgres.connection import Access, connect, fetch_one
from cluster.postgres.failures import ConnectError, Failure, translated
from cluster.postgres.lsn import Lsn
from cluster.postgres.ssl_request import answers_ssl_request
from compose.home.paths import Home
from compose.operations.supervisor.decision import Presence, PrimaryContainer, PrimaryObservation
from compose.stack import Stack

if TYPE_CHECKING:
    import psycopg

PROBE_SECONDS = 2
_SILENT = (Failure.REFUSED, Failure.TIMEOUT, Failure.UNREACHABLE)
"""No server answers; any other failure is the answer of one."""


class PrimaryObserver:
    """Reads one cluster's primary again and again. ``written`` is how far it was last seen to have written."""

    def __init__(self) -> None:
        self.written: Lsn | None = None
        self._kept = ExitStack()
        self._connection: psycopg.Connection[Any] | None = None
        self._node = ""

    def observe(self, stack: Stack) -> PrimaryObservation:
        """The primary of ``stack`` now.

        Raises:
            MachineError: the engine does not answer, and nothing is known.
        """
        topology, began = stack.topology, time.monotonic()
        presence = self._presence(topology.primary, stack.monitor(topology.primary))
        well = presence is Presence.UP and topology.handover is None
        return PrimaryObservation(
            at=began,
            now=time.time(),
            primary=topology.primary,
            presence=presence,
            container=None if well else _container(stack),
            locked=not well and locked(stack.home),
            handover=topology.promoting,
            rejoining=topology.handover is not None and not topology.promoting,
        )

    def _presence(self, node: str, access: Access) -> Presence:
        if node != self._node:
            self._forget()
            self._node = node
        if self._connection is not None:
            try:
                return self._read(self._connection, access)
            except ConnectError:
                self._forget()
        return self._connect(access)

    def _forget(self) -> None:
        import psycopg

        with suppress(psycopg.Error):
            self._kept.close()
        self._kept, self._connection = ExitStack(), None

    def _connect(self, access: Access) -> Presence:
        access = replace(access, connect_timeout=PROBE_SECONDS, statement_timeout=float(PROBE_SECONDS))
        try:
            self._connection = self._kept.enter_context(connect(access))
            return self._read(self._connection, access)
        except ConnectError as error:
            self._forget()
            return presence_of(error.kind, lambda: answers_ssl_request(access.host, access.port))

    def _read(self, connection: "psycopg.Connection[Any]", access: Access) -> Presence:
        """A server that is frozen runs no timeout of its own: each answer has a deadline here."""
        late = f"{access.host} gave no answer within {PROBE_SECONDS} s"
        connection.set_deadline(time.monotonic() + PROBE_SECONDS, late)  # type: ignore[attr-defined]
        with translated():
            if fetch_one(connection, "in_recovery", lambda in_recovery: bool(in_recovery)):
                return Presence.STARTING
            self.written = fetch_one(connection, "replayed", lambda lsn: Lsn.parse(lsn))
            return Presence.UP


def presence_of(failure: Failure, speaks: Callable[[], bool]) -> Presence:
    """What a login that failed says of the server; ``speaks``: whether it answers before any login."""
    if failure not in _SILENT or (failure is Failure.TIMEOUT and speaks()):
        return Presence.STARTING
    return Presence.SILENT


def _container(stack: Stack) -> PrimaryContainer | None:
    """The primary's, as the engine has it; its restarts by the engine name its starts."""
    found = stack.container_reader.containers().get(stack.topology.primary)
    if found is None:
        return None
    return PrimaryContainer(status=found.status, exit_code=found.exit_code, started=f"{found.id[:12]}/{found.restarts}")


def locked(home: Home) -> bool:
    """Whether an operation holds the cluster."""
    with FileLock.of_file(home.lock) as lock:
        return not lock.acquire()
