"""Talking to PostgreSQL: one way to connect, typed rows, errors in one line."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cluster import queries
from cluster.postgres import session
from cluster.postgres.failures import ConnectError, Failure

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach one server as one role.

    ``ca`` is the certificate its own is checked with. Timeouts in seconds; ``statement_timeout`` 0 asks for none.
    ``patience`` bounds the whole conversation from this side, whatever the server's state (a paused one runs no
    timeouts); None: no bound. ``pooled``: the server is PgBouncer, which takes no options at login and binds no
    channel. ``pinned``: the session begins as cluster/postgres/session.py says; off only for SQL that is not PODS' own.
    ``peer``: ``host`` is the directory of a Unix socket, whose server knows who comes by the system's user.
    """

    host: str
    port: int
    user: str
    password: str
    ca: Path
    database: str = "postgres"
    application: str = "pods"
    connect_timeout: int = 5
    statement_timeout: float = 30.0
    patience: float | None = None
    pooled: bool = False
    pinned: bool = True
    peer: bool = False

    def __repr__(self) -> str:
        return f"Access({self.user}@{self.host}:{self.port}/{self.database})"

    @property
    def server(self) -> str:
        """Whom messages say that was to be reached."""
        return "the server's own socket" if self.peer else f"{self.host}:{self.port}"


@contextmanager
def connect(access: Access, *, console: bool = False) -> "Iterator[psycopg.Connection[Any]]":
    """A connection in autocommit mode over verified TLS, closed at the end.

    Args:
        access: whom to connect to, and as whom.
        console: the server is PgBouncer's console, which knows only the simple query protocol.

    Raises:
        ConnectError: no connection, or no answer within the access's patience; says to what and why.
    """
    import psycopg
    from psycopg.rows import dict_row

    from cluster.postgres.deadline import DeadlineConnection

    began = time.monotonic()
    try:
        connection = DeadlineConnection.connect(
            **login(access),
            dbname=access.database,
            client_encoding="UTF8",
            options=_options(access),
            autocommit=True,
            prepare_threshold=None,
            row_factory=dict_row,
            cursor_factory=psycopg.ClientCursor if console else psycopg.Cursor,
        )
    except psycopg.OperationalError as error:
        raise _refusal(access, ConnectError.of(error)) from None
    if access.patience is not None:
        message = f"{access.server} gave no answer within {access.patience:.0f} s"
        connection.set_deadline(began + access.patience, message)
    with connection:
        yield connection


def login(access: Access) -> dict[str, Any]:
    """How libpq reaches the server and proves who we are, whatever is asked there.

    The password itself is given to nobody, also not to a server that asks for it and has a certificate of ours: only
    SCRAM is answered, and where the server can, bound to its certificate.
    """
    known = {
        "host": access.host,
        "port": access.port,
        "user": access.user,
        "connect_timeout": access.connect_timeout,
        "application_name": access.application,
    }
    if access.peer:
        return {**known, "require_auth": "none", "channel_binding": "disable", "gssencmode": "disable"}
    return {
        **known,
        "password": access.password,
        "sslmode": "verify-full",
        "sslrootcert": str(access.ca),
        "require_auth": "scram-sha-256",
        "channel_binding": "prefer" if access.pooled else "require",
    }


def _options(access: Access) -> str | None:
    if access.pooled or not access.pinned:
        return None
    return session.options(session.pinned(access.user, statement_timeout=access.statement_timeout))


def _refusal(access: Access, error: ConnectError) -> ConnectError:
    """The driver's error with what was to be reached, and what to do."""
    server, reason, hint = access.server, error.message, ""
    message = absence(access, reason) or f"{server} does not let {access.user} in: {reason}"
    if error.kind is Failure.CERTIFICATE and "verify failed" in reason:
        hint = "it still shows a certificate of another CA: run inv down, then inv up"
    return ConnectError(message, hint, kind=error.kind)


def absence(access: Access, reason: str) -> str:
    """Of a driver's reason that means that no server is there: what is missing, in words; "" of any other."""
    server = access.server
    if "failed to resolve host" in reason:
        return f"there is no {access.host} in the network: its container does not run"
    if "Connection refused" in reason:
        return f"nothing listens at {server}: Connection refused"
    if reason.endswith("timeout expired"):
        return f"{server} gave no answer within {access.connect_timeout} s"
    return ""


def fetch_all(
    connection: "psycopg.Connection[Any]", query: str, row: Callable[..., Row], params: Sequence[Any] = ()
) -> list[Row]:
    """Rows of ``queries/<query>.sql``, each made by ``row(**columns)``."""
    return [row(**columns) for columns in connection.execute(queries.get(query), params or None).fetchall()]


def fetch_one(
    connection: "psycopg.Connection[Any]", query: str, row: Callable[..., Row], params: Sequence[Any] = ()
) -> Row | None:
    """The first row of ``queries/<query>.sql``, or None."""
    rows = fetch_all(connection, query, row, params)
    return rows[0] if rows else None


def execute(connection: "psycopg.Connection[Any]", query: str, **parts: "sql.Composable | str") -> None:
    """Run ``queries/<query>.sql``; a str part is an identifier, a Composable is put in as it is."""
    from psycopg import sql

    composed = {name: sql.Identifier(part) if isinstance(part, str) else part for name, part in parts.items()}
    connection.execute(sql.SQL(queries.get(query)).format(**composed))


def literal(value: str) -> "sql.Composable":
    """A string constant for ``execute``."""
    from psycopg import sql

    return sql.Literal(value)
