"""Who is logged in by one name, through PgBouncer and at nodes, and ending that without breaking a transaction."""

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster import pgbouncer
from cluster.documents import printable
from cluster.endpoints import POOLER
from cluster.errors import MachineError
from cluster.postgres.connection import connect, fetch_all
from cluster.waiting import attempts
from compose.home import passwords
from compose.stack import Stack

if TYPE_CHECKING:
    import psycopg

_PATIENCE = 15.0
"""Seconds that a transaction may go on for before its session is ended too."""
_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSession:
    """A session on a node: whether a transaction is open in it, and where its client is."""

    pid: int
    application: str
    address: str
    busy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSessions:
    """Clients of PgBouncer, and sessions at each node beside PgBouncer's own."""

    pooled: tuple[pgbouncer.PooledClient, ...]
    direct: dict[str, tuple[ServerSession, ...]]

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.pooled) + sum(map(len, self.direct.values()))

    def __str__(self) -> str:
        seen = Counter(_client("pgbouncer", each.application, each.address) for each in self.pooled)
        for node, sessions in self.direct.items():
            seen.update(_client(node, each.application, each.address) for each in sessions)
        shown = [f"{count} × {who}" if count > 1 else who for who, count in seen.most_common(_SHOWN)]
        more = len(seen) - len(shown)
        return "; ".join(shown) + (f"; and {more} more" if more else "")


def _client(server: str, application: str, address: str) -> str:
    return f"{printable(application) or 'without a name'} from {address or 'a socket'} at {server}"


def login_sessions(stack: Stack, login: str) -> LoginSessions:
    """Everybody who is in as ``login``; a node that does not answer has nobody who works."""
    with _console(stack) as console:
        pooled, backends = tuple(pgbouncer.read_clients(console, login)), pgbouncer.read_backends(console, login)
    direct = {}
    for node in stack.topology.names:
        try:
            with connect(stack.monitor(node)) as connection:
                found = fetch_all(connection, "login_sessions", ServerSession, [login])
        except MachineError:
            continue
        direct[node] = tuple(each for each in found if each.pid not in backends)
    return LoginSessions(pooled=pooled, direct=direct)


def end_sessions(stack: Stack, login: str, patience: float = _PATIENCE) -> LoginSessions:
    """End what is idle at once, and what is in a transaction when that is over, or after ``patience`` seconds.

    Nobody gets in by that name any more. Returns who is left: sessions on replicas, where nobody is superuser.
    """
    primary = stack.topology.primary
    for left in attempts(patience):
        with _console(stack) as console:
            clients = pgbouncer.read_clients(console, login)
            for client in clients:
                if not client.busy or left == 0.0:
                    pgbouncer.end_client(console, client)
        # PgBouncer's own are ended here too, once no client has any
        with connect(stack.superuser(primary)) as connection:
            sessions = fetch_all(connection, "login_sessions", ServerSession, [login])
            for each in sessions:
                if not (each.busy or clients) or left == 0.0:
                    fetch_all(connection, "end_session", _Ended, [each.pid, login])
        if not clients and not sessions:
            break
    return login_sessions(stack, login)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    ended: bool


def _console(stack: Stack) -> "AbstractContextManager[psycopg.Connection[Any]]":
    return connect(stack.access(POOLER, passwords.ADMIN, pgbouncer.CONSOLE), console=True)
