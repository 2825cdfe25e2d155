"""Why a server does not answer, or refuses: its kind is recognised once, where the error arises.

By SQLSTATE where the server's error carries one (PostgreSQL documentation, appendix A). libpq passes no SQLSTATE of a
refused login on, so that such an error is known by its text alone; PgBouncer gives its own texts.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Self

from cluster.errors import MachineError, RefusedError


class Failure(StrEnum):
    """Why there is no connection, or none any more; in this order, the states of a node beside ``up``."""

    STARTING = "starting"
    REFUSED = "refused"
    FULL = "full"
    AUTH = "auth"
    REJECTED = "rejected"
    NO_DATABASE = "no_database"
    CERTIFICATE = "certificate"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


_STATES = {
    "57P03": Failure.STARTING,  # cannot_connect_now
    "57P01": Failure.STARTING,  # admin_shutdown
    "57P02": Failure.STARTING,  # crash_shutdown
    "53300": Failure.FULL,  # too_many_connections
    "3D000": Failure.NO_DATABASE,  # invalid_catalog_name
    "42501": Failure.AUTH,  # insufficient_privilege
    "28000": Failure.REJECTED,  # invalid_authorization_specification: no line of pg_hba.conf
    "57014": Failure.TIMEOUT,  # query_canceled, by statement_timeout
    "55P03": Failure.TIMEOUT,  # lock_not_available, by lock_timeout
}
_CLASSES = {"28": Failure.AUTH, "08": Failure.REFUSED}
_TEXTS = {
    Failure.UNREACHABLE: ("failed to resolve host", "could not translate host name"),
    Failure.CERTIFICATE: ("certificate verify failed", "server certificate for", "root certificate"),
    Failure.STARTING: (
        "starting up",
        "not yet accepting",
        "shutting down",
        "in recovery mode",
        "not accepting connections",
        "terminating connection due to administrator command",
    ),
    Failure.FULL: (
        "too many connections",
        "remaining connection slots",
        "too many clients",
        "no more connections allowed",
    ),
    Failure.NO_DATABASE: ("no such database", "is not currently accepting connections"),
    Failure.REJECTED: ("no pg_hba.conf entry", "pg_hba.conf rejects"),
    Failure.AUTH: (
        "authentication failed",
        "no such user",
        "is not permitted to log in",
        "permission denied",
        "authentication method requirement",
        "channel binding",
    ),
    Failure.TIMEOUT: ("timeout", "no answer", "timed out"),
    Failure.REFUSED: ("Connection refused", "server closed the connection", "Connection reset", "unexpected eof"),
}
"""Texts of PostgreSQL 18 (server and libpq) and PgBouncer 1.24, in the order in which they are looked for."""
_UNKNOWN = re.compile(r'(?:FATAL: +)?(role|database) "[^"]*" does not exist\Z')


class ConnectError(MachineError):
    """There is no connection, or it broke; ``kind`` says why."""

    def __init__(self, message: str, hint: str = "", *, kind: Failure = Failure.UNREACHABLE) -> None:
        super().__init__(message, hint)
        self.kind = kind

    @classmethod
    def of(cls, error: Exception) -> Self:
        """A driver's error, in one line."""
        return cls(one_line(error), kind=classify(one_line(error), getattr(error, "sqlstate", None) or ""))


class LostError(ConnectError):
    """A replication connection could not be made, or broke; trying again may help."""


class ServerError(RefusedError):
    """The server answered with an error; ``sqlstate`` is its five characters ("" where it gave none)."""

    def __init__(self, message: str, hint: str = "", *, sqlstate: str = "") -> None:
        super().__init__(message, hint)
        self.sqlstate = sqlstate


def classify(text: str, sqlstate: str = "") -> Failure:
    """The kind of a failure, by SQLSTATE where there is one, else by what the server or libpq says."""
    if sqlstate:
        return _STATES.get(sqlstate) or _CLASSES.get(sqlstate[:2], Failure.UNREACHABLE)
    if (unknown := _UNKNOWN.match(text)) is not None:
        return Failure.NO_DATABASE if unknown[1] == "database" else Failure.AUTH
    return next((kind for kind, texts in _TEXTS.items() if any(each in text for each in texts)), Failure.UNREACHABLE)


def one_line(error: Exception) -> str:
    """A driver's message without its line breaks, repetitions and preambles: what failed, first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rsplit(" failed: ", 1)[-1] if lines else type(error).__name__


@contextmanager
def translated() -> Iterator[None]:
    """A driver's errors in the body as ConnectError: for who reads a server and needs to know no more than why not."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise ConnectError.of(error) from None
