"""A connection with a deadline.

A server whose container is paused, or whose network was cut, never refuses: its kernel still acknowledges, or nothing
comes at all, and no timeout of the server's own runs. Every wait for it therefore counts against one deadline here.
"""

import math
import time
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.errors import OperationalError

from cluster.postgres.failures import ConnectError, Failure


class DeadlineConnection(psycopg.Connection[Any]):
    """A connection that is closed, and raises ConnectError, when the server keeps it waiting beyond its deadline."""

    _until = math.inf
    _message = ""

    def set_deadline(self, until: float, message: str) -> None:
        """Wait for the server until ``until`` of the monotonic clock, then raise ConnectError with ``message``."""
        self._until, self._message = until, message

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """As psycopg's, with what is left of the deadline."""
        if self._until == math.inf:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, max(0.0, self._until - time.monotonic()))
        except OperationalError:
            if time.monotonic() < self._until:
                raise
            self.close()
            raise ConnectError(self._message, kind=Failure.TIMEOUT) from None
