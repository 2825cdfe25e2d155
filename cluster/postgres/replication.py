"""The replication protocol: one physical replication connection to one node, spoken through libpq.

Commands are simple queries; COPY streams are read without blocking, because libpq's blocking read would stop every
other thread of the program while it waits.
Source: PostgreSQL 18 documentation, "Streaming Replication Protocol".
"""

import select
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cluster.errors import TimedOutError
from cluster.postgres.connection import Access, absence, login
from cluster.postgres.failures import ConnectError, LostError, ServerError, classify
from cluster.postgres.lsn import Lsn

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGconn, PGresult

Row = tuple[str | None, ...]
_KEEPALIVES: dict[str, Any] = {"keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 4}
"""Seconds and tries: a node whose host vanished is noticed within a minute."""
_GONE = ("57P", "08")
"""SQLSTATE classes: the server shuts down, starts up, or lost the connection (PostgreSQL documentation, appendix A)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemIdentity:
    """What IDENTIFY_SYSTEM says: whose data, on which timeline now, and up to where its WAL is durable."""

    system_identifier: str
    timeline: int
    flushed: Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One result of a command: rows as texts, or the beginning of a COPY in some direction."""

    kind: Literal["rows", "copy in", "copy out", "copy both"] = "rows"
    rows: tuple[Row, ...] = ()


class Replication:
    """An open replication connection; for one thread at a time."""

    def __init__(self, connection: "Connection[Any]", node: str) -> None:
        self.node = node
        self._connection = connection
        self._pgconn: PGconn = connection.pgconn

    @property
    def server_version(self) -> int:
        """As PostgreSQL counts: 180006."""
        return self._pgconn.server_version

    def identify(self) -> SystemIdentity:
        """Who this server is."""
        ((system, timeline, flushed, *_),) = self.command("IDENTIFY_SYSTEM")
        assert system
        assert timeline
        assert flushed
        return SystemIdentity(system_identifier=system, timeline=int(timeline), flushed=Lsn.parse(flushed))

    def command(self, sql: str, *, timeout: float = 60.0) -> tuple[Row, ...]:
        """The rows of a command without COPY, of all its results one after the other.

        Raises:
            ServerError: the server refuses.
            LostError: the connection broke.
            TimedOutError: no answer within ``timeout`` seconds; the connection is of no more use.
        """
        self.send(sql)
        rows: list[Row] = []
        while (answer := self.answer(timeout=timeout)) is not None:
            assert answer.kind == "rows", f"{sql} begins a COPY"
            rows.extend(answer.rows)
        return tuple(rows)

    def send(self, sql: str) -> None:
        """Begin a command; `answer` gives its results in order."""
        with self._translated():
            self._pgconn.send_query(sql.encode())
        self._flush()

    def answer(self, *, timeout: float | None = 60.0) -> Reply | None:
        """The next result of the command, or None after the last.

        A COPY has to be read (`receive`, `copy_out`) or written (`copy_in`) to its end before the next `answer`.
        ``timeout`` None waits for as long as the connection lives. Errors as `command`.
        """
        self._until(lambda: not self._pgconn.is_busy(), timeout)
        with self._translated():
            result = self._pgconn.get_result()
        if result is None:
            return None
        try:
            return _answer(result, self.node)
        except ServerError:
            while self.answer(timeout=timeout) is not None:  # the end of the refused command; then comes the next
                pass
            raise

    def receive(self, timeout: float) -> bytes | memoryview | None:
        """The next message of a COPY; ``b""`` at its end, None where none came within ``timeout`` seconds (0: yet).

        Raises:
            LostError: the connection broke. An error of the server comes with the `answer` after the end.
        """
        deadline = time.monotonic() + timeout
        while True:
            with self._translated():
                size, data = self._pgconn.get_copy_data(1)
            if size:
                return data if size > 0 else b""
            if not self._ready(select.POLLIN, deadline - time.monotonic()):
                return None
            with self._translated():
                self._pgconn.consume_input()

    def copy_out(self, *, timeout: float = 300.0) -> Iterator[bytes | memoryview]:
        """Every message of a COPY OUT; the results after it are fetched with `answer`.

        Raises:
            TimedOutError: the server was silent for ``timeout`` seconds.
        """
        while True:
            message = self.receive(timeout)
            if message is None:
                raise self._silent(timeout)
            if not message:
                return
            yield message

    def copy_in(self, chunks: Iterable[bytes | memoryview]) -> None:
        """Send the whole of a COPY IN."""
        for chunk in chunks:
            self.transmit(chunk)
        self.end_copy()

    def transmit(self, message: bytes | memoryview) -> None:
        """Send one message of a COPY."""
        with self._translated():
            self._pgconn.put_copy_data(message)
        self._flush()

    def end_copy(self) -> None:
        """Say that nothing more will be sent."""
        with self._translated():
            self._pgconn.put_copy_end()
        self._flush()

    def _flush(self) -> None:
        while self._left_to_send():
            # Reading meanwhile, lest both sides wait for the other to read first.
            if self._ready(select.POLLIN | select.POLLOUT, 60.0) & select.POLLIN:
                with self._translated():
                    self._pgconn.consume_input()

    def _left_to_send(self) -> int:
        with self._translated():
            return self._pgconn.flush()

    def _until(self, done: Callable[[], bool], timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not done():
            left = 60.0 if deadline is None else deadline - time.monotonic()
            if left < 0 and timeout is not None:
                raise self._silent(timeout)
            if self._ready(select.POLLIN, left):
                with self._translated():
                    self._pgconn.consume_input()

    def _ready(self, events: int, timeout: float) -> int:
        """Which of ``events`` the connection is ready for; 0 after ``timeout`` seconds. Other threads run meanwhile."""
        with self._translated():
            poll = select.poll()
            poll.register(self._pgconn.socket, events)
        found = poll.poll(max(0.0, timeout) * 1000)
        return found[0][1] if found else 0

    def _silent(self, timeout: float) -> TimedOutError:
        return TimedOutError(f"{self.node} has sent nothing for {timeout:.0f} s", "look at its log")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            reason = ConnectError.of(error)
            raise LostError(f"the connection to {self.node} broke: {reason.message}", kind=reason.kind) from None


def _answer(result: "PGresult", node: str) -> Reply:
    from psycopg.pq import ExecStatus

    match result.status:
        case ExecStatus.TUPLES_OK | ExecStatus.COMMAND_OK:
            return Reply(rows=tuple(_row(result, number) for number in range(result.ntuples)))
        case ExecStatus.COPY_IN:
            return Reply(kind="copy in")
        case ExecStatus.COPY_OUT:
            return Reply(kind="copy out")
        case ExecStatus.COPY_BOTH:
            return Reply(kind="copy both")
    raise _refusal(result, node)


def _row(result: "PGresult", number: int) -> Row:
    values = (result.get_value(number, column) for column in range(result.nfields))
    return tuple(None if value is None else value.decode() for value in values)


def _refusal(result: "PGresult", node: str) -> ServerError | LostError:
    """The error in ``result``; one without an SQLSTATE is libpq's own and means that the connection is gone."""
    from psycopg.pq import DiagnosticField

    state, primary, detail = (
        (result.error_field(field) or b"").decode(errors="replace")
        for field in (DiagnosticField.SQLSTATE, DiagnosticField.MESSAGE_PRIMARY, DiagnosticField.MESSAGE_DETAIL)
    )
    if state.startswith(_GONE):
        return LostError(f"the connection to {node} broke: {primary}", kind=classify(primary, state))
    if not state:
        text = result.error_message.decode(errors="replace").strip() or "it closed the connection"
        return LostError(f"the connection to {node} broke: {' '.join(text.split())}", kind=classify(text))
    return ServerError(f"{node} refuses: {primary}", detail, sqlstate=state)


@contextmanager
def replicate(access: Access, *, node: str = "") -> Iterator[Replication]:
    """A physical replication connection over verified TLS, closed at the end.

    Args:
        access: whom to connect to, and as whom; its database is not used.
        node: how errors name the server; its host where empty.

    Raises:
        LostError: no connection; says to what and why.
    """
    import psycopg

    named = node or access.host
    try:
        connection = psycopg.connect(
            **login(access),
            replication="true",
            autocommit=True,
            **_KEEPALIVES,
        )
    except psycopg.OperationalError as error:
        reason = ConnectError.of(error)
        refused = f"{named} ({access.host}:{access.port}) does not let {access.user} replicate: {reason.message}"
        message = absence(access, reason.message) or refused
        raise LostError(message, kind=reason.kind) from None
    try:
        yield Replication(connection, named)
    finally:
        connection.close()
