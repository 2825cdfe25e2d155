"""Who is logged in by one name, through PgBouncer and at nodes, and ending that without breaking a transaction."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster import pgbouncer
from cluster.documents import printable
from cluster.errors import MachineError
from cluster.postgres.connection import connect, fetch_all
from cluster.waiting import attempts
from compose.operations.pooler_consoles import PoolerConsoles
from compose.stack import Stack

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
    """Clients of each PgBouncer, and sessions at each node beside PgBouncers' own.

    ``silent``: hosts whose PgBouncer does not answer, and why: nobody knows who is logged in there.
    """

    pooled: Mapping[str, tuple[pgbouncer.PooledClient, ...]]
    direct: Mapping[str, tuple[ServerSession, ...]]
    silent: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(map(len, self.pooled.values())) + sum(map(len, self.direct.values()))

    def __str__(self) -> str:
        seen = Counter[str]()
        for pooler, clients in self.pooled.items():
            seen.update(_client(pooler, each.application, each.address) for each in clients)
        for node, sessions in self.direct.items():
            seen.update(_client(node, each.application, each.address) for each in sessions)
        shown = [f"{count} × {who}" if count > 1 else who for who, count in seen.most_common(_SHOWN)]
        more = len(seen) - len(shown)
        return "; ".join(shown) + (f"; and {more} more" if more else "")


def _client(server: str, application: str, address: str) -> str:
    return f"{printable(application) or 'without a name'} from {address or 'a socket'} at {server}"


def login_sessions(stack: Stack, login: str) -> LoginSessions:
    """Everybody who is in as ``login``; a node that does not answer has nobody who works."""
    consoles = PoolerConsoles(stack)
    pooled, backends = dict[str, tuple[pgbouncer.PooledClient, ...]](), set[int]()
    for pooler, console in consoles.each():
        pooled[pooler] = tuple(pgbouncer.read_clients(console, login))
        backends |= pgbouncer.read_backends(console, login)
    direct = {}
    for node in stack.topology.names:
        try:
            with connect(stack.monitor(node)) as connection:
                found = fetch_all(connection, "login_sessions", ServerSession, [login])
        except MachineError:
            continue
        direct[node] = tuple(each for each in found if each.pid not in backends)
    return LoginSessions(pooled=pooled, direct=direct, silent=consoles.silent)


def end_sessions(stack: Stack, login: str, patience: float = _PATIENCE) -> LoginSessions:
    """End what is idle at once, and what is in a transaction when that is over, or after ``patience`` seconds.

    Nobody gets in by that name any more. Returns who is left: sessions on replicas, where nobody is superuser. Whoever
    is at a PgBouncer that does not answer gets no server there any more.
    """
    primary, consoles = stack.topology.primary, PoolerConsoles(stack)
    for left in attempts(patience):
        pooled = _end_pooled(consoles, login, force=left == 0.0)
        # PgBouncers' own are ended here too, once no client has any
        with connect(stack.superuser(primary)) as connection:
            sessions = fetch_all(connection, "login_sessions", ServerSession, [login])
            for each in sessions:
                if not (each.busy or pooled) or left == 0.0:
                    fetch_all(connection, "end_session", _Ended, [each.pid, login])
        if not pooled and not sessions:
            break
    return login_sessions(stack, login)


def _end_pooled(consoles: PoolerConsoles, login: str, *, force: bool) -> int:
    """End the clients of every PgBouncer, but for busy ones unless ``force``; how many there were."""
    found = 0
    for _, console in consoles.each():
        clients = pgbouncer.read_clients(console, login)
        for client in clients:
            if not client.busy or force:
                pgbouncer.end_client(console, client)
        found += len(clients)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    ended: bool
