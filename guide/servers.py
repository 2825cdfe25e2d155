"""What a node's PostgreSQL says of itself, by a connection that is kept."""

import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cluster.postgres.connection import Access, connect, fetch_one
from cluster.postgres.failures import ConnectError, Failure, translated
from guide.sighting import ServerReading

if TYPE_CHECKING:
    import psycopg

SECONDS = 1.0
_CONNECT_SECONDS = 2
"""libpq takes no less."""
_READINGS = {
    Failure.REFUSED: ServerReading.GONE,
    Failure.STARTING: ServerReading.STANDBY,
    Failure.TIMEOUT: ServerReading.SILENT,
    Failure.UNREACHABLE: ServerReading.SILENT,
    Failure.CERTIFICATE: ServerReading.SILENT,
}


class ServerProbe:
    """Asks one node again and again whether it takes writes."""

    def __init__(self, access: Access) -> None:
        self.access = replace(access, connect_timeout=_CONNECT_SECONDS, statement_timeout=SECONDS)
        self._kept = ExitStack()
        self._connection: psycopg.Connection[Any] | None = None
        self.address = ""
        """Where it was reached last, as a number."""

    def read(self) -> ServerReading:
        """What it answers now. A connection that broke is tried anew at once: its server may only have ended that."""
        if self._connection is not None:
            with suppress(ConnectError):
                return self._ask(self._connection)
            self.close()
        try:
            self._connection = self._kept.enter_context(connect(self.access))
            self.address = self._connection.info.hostaddr
            return self._ask(self._connection)
        except ConnectError as error:
            self.close()
            return _READINGS.get(error.kind, ServerReading.CLOSED)

    def _ask(self, connection: "psycopg.Connection[Any]") -> ServerReading:
        late = f"{self.access.host} gave no answer within {SECONDS:.0f} s"
        connection.set_deadline(time.monotonic() + SECONDS, late)  # type: ignore[attr-defined]
        with translated():
            standby = fetch_one(connection, "in_recovery", lambda in_recovery: bool(in_recovery))
        return ServerReading.STANDBY if standby else ServerReading.WRITES

    @property
    def descriptor(self) -> int | None:
        """Of the connection: it can be read when the server ends it. None where there is none."""
        import psycopg

        with suppress(psycopg.Error):
            return None if self._connection is None else self._connection.fileno()
        return None

    def close(self) -> None:
        """End the connection, if there is one."""
        import psycopg

        with suppress(psycopg.Error):
            self._kept.close()
        self._kept, self._connection = ExitStack(), None
