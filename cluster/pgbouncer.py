"""PgBouncer's console: what it serves, how busy it is, and reloading it.

Source of the columns: PgBouncer documentation, "Admin console".
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster import roles
from cluster.endpoints import PROXY

if TYPE_CHECKING:
    import psycopg

CONSOLE = "pgbouncer"
"""Name of the console's database."""
ANY = "*"
"""Name of the entry for databases that have none of their own: those that a role makes by itself."""
_VERIFIERS = "asked."
"""Prefix of entries for the database in which auth_query reads verifiers; no pool's name has a dot."""

LEADER_VERIFIERS = f"{_VERIFIERS}the.primary"
"""The entry through which verifiers are read for pools that follow the primary (guide/)."""


def verifier_entry(hosts: tuple[str, ...]) -> str:
    """The entry (auth_dbname) through which verifiers are read for a pool that leads to ``hosts``.

    Several hosts are those of the one pool of all readers: their names together would be too long for PgBouncer (63).
    """
    return _VERIFIERS + (hosts[0] if len(hosts) == 1 else "all.readers")


def is_pool(name: str, host: str | None = None) -> bool:
    """Whether an entry of [databases] is for clients: not the console, an auth_dbname, tools', or one made of ANY.

    Of the last kind there is one for whatever name a client comes with; they lead through HAProxy, and no other does.
    """
    return name not in (CONSOLE, roles.HOME, ANY) and host != PROXY and not name.startswith(_VERIFIERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One entry of [databases] with the counts of all its users: connections, and the longest wait in seconds."""

    name: str
    hosts: tuple[str, ...]
    clients_active: int
    clients_waiting: int
    servers_active: int
    servers_idle: int
    max_wait: float
    size: int
    paused: bool
    disabled: bool


def read_pools(console: "psycopg.Connection[Any]") -> tuple[Pool, ...]:
    """Every configured pool, busy or not."""
    # The console is not SQL: these are its commands.
    held = is_held(console)
    databases = [row for row in console.execute("SHOW DATABASES").fetchall() if is_pool(row["name"], row["host"])]
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in console.execute("SHOW POOLS").fetchall():
        rows.setdefault(row["database"], []).append(row)
    return tuple(_pool(database, rows.get(database["name"], []), held=held) for database in databases)


def _pool(database: dict[str, Any], rows: list[dict[str, Any]], *, held: bool) -> Pool:
    def total(column: str) -> int:
        return sum(int(row[column]) for row in rows)

    return Pool(
        name=database["name"],
        hosts=tuple((database["host"] or "").split(",")),
        clients_active=total("cl_active"),
        clients_waiting=total("cl_waiting"),
        servers_active=total("sv_active"),
        servers_idle=total("sv_idle"),
        max_wait=max((int(row["maxwait"]) + int(row["maxwait_us"]) / 1e6 for row in rows), default=0.0),
        size=int(database["pool_size"]),
        paused=held or bool(int(database["paused"])),
        disabled=bool(int(database["disabled"])),
    )


def _command(verb: str, pool: str) -> bytes:
    """One that means ``pool``, or all; the console knows no - in a name without quotes, and they count as letters."""
    name = f'"{pool}"' if "-" in pool else pool
    return f"{verb} {name}".rstrip().encode()


def longest_name(pool: str) -> int:
    """Letters that a name such as that of ``pool`` may have (PgBouncer, MAX_DBNAME; on its console with quotes)."""
    return 61 if "-" in pool else 63


def reload(console: "psycopg.Connection[Any]") -> None:
    """RELOAD: read the configuration file and certificates again; no client notices."""
    console.execute("RELOAD")


def reconnect(console: "psycopg.Connection[Any]", pool: str = "") -> None:
    """RECONNECT: every server connection, or those of ``pool``, is closed as it comes free; no client notices."""
    console.execute(_command("RECONNECT", pool))


def renew(console: "psycopg.Connection[Any]", pools: Collection[str]) -> None:
    """RECONNECT those of ``pools`` that PgBouncer knows; new clients hear what servers say at login from now on."""
    known = [row["name"] for row in console.execute("SHOW DATABASES").fetchall()]
    for pool in known:
        if pool in pools:
            reconnect(console, pool)


def is_held(console: "psycopg.Connection[Any]") -> bool:
    """Whether PgBouncer as a whole holds its clients back, which SHOW DATABASES does not tell."""
    state = {row["key"]: row["value"] for row in console.execute("SHOW STATE").fetchall()}
    return "yes" in (state.get("paused"), state.get("suspended"))


def open_pool(console: "psycopg.Connection[Any]", pool: Pool) -> None:
    """ENABLE and RESUME one pool: let new clients in, and let those go on that are held back."""
    if pool.disabled:
        enable(console, pool.name)
    if pool.paused:
        console.execute(_command("RESUME", pool.name))


def enable(console: "psycopg.Connection[Any]", pool: str) -> None:
    """ENABLE: let new clients in."""
    console.execute(_command("ENABLE", pool))


def disable(console: "psycopg.Connection[Any]", pool: str) -> None:
    """DISABLE: let no new client in; those that are stay."""
    console.execute(_command("DISABLE", pool))


def pause(console: "psycopg.Connection[Any]", pool: str = "") -> None:
    """PAUSE: hold the clients of ``pool`` back, or all; returns when no transaction runs, no server is connected."""
    console.execute(_command("PAUSE", pool))


def begin_pause(console: "psycopg.Connection[Any]", pool: str) -> None:
    """PAUSE, not waiting for its end: new transactions wait from now on. The connection is good for nothing else."""
    console.pgconn.send_query(_command("PAUSE", pool))
    console.pgconn.flush()


def resume(console: "psycopg.Connection[Any]") -> None:
    """RESUME: let the clients go on."""
    console.execute("RESUME")


def resume_all(console: "psycopg.Connection[Any]") -> None:
    """Let everybody go on, whether all clients are held back or those of some pools."""
    if is_held(console):
        resume(console)
    for row in console.execute("SHOW DATABASES").fetchall():
        if is_pool(row["name"], row["host"]) and int(row["paused"]):
            console.execute(_command("RESUME", row["name"]))


def resume_pools(console: "psycopg.Connection[Any]", pools: Collection[str]) -> None:
    """RESUME those of ``pools`` that are paused, and nobody else."""
    for row in console.execute("SHOW DATABASES").fetchall():
        if row["name"] in pools and int(row["paused"]):
            console.execute(_command("RESUME", row["name"]))


def allow_waiting(console: "psycopg.Connection[Any]", seconds: int) -> None:
    """Let clients wait so long for a server; until the next RELOAD, which takes what the file says."""
    console.execute(f"SET query_wait_timeout = {seconds}".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledClient:
    """A client: its number, what it calls itself, where it comes from, and whether it has a server connection now."""

    number: int
    application: str
    address: str
    busy: bool


def read_clients(console: "psycopg.Connection[Any]", user: str) -> list[PooledClient]:
    """Who is logged in as ``user``."""
    return [
        PooledClient(
            number=int(row["id"]),
            application=row["application_name"] or "",
            address=row["addr"],
            busy=bool(row["link"]),
        )
        for row in console.execute("SHOW CLIENTS").fetchall()
        if row["user"] == user
    ]


def read_stale(
    console: "psycopg.Connection[Any]", pools: Collection[str], addresses: Collection[str]
) -> frozenset[str]:
    """Server connections of ``pools`` to one of ``addresses`` that a client has now, as PgBouncer numbers them."""
    return frozenset(
        row["ptr"]
        for row in console.execute("SHOW SERVERS").fetchall()
        if row["database"] in pools and row["addr"] in addresses and row["link"]
    )


def end_linked(console: "psycopg.Connection[Any]", servers: Collection[str]) -> int:
    """KILL_CLIENT for who has one of ``servers``; how many. The connection to the server ends with it."""
    found = [int(row["id"]) for row in console.execute("SHOW CLIENTS").fetchall() if row["link"] in servers]
    for number in found:
        _end(console, number)
    return len(found)


def read_backends(console: "psycopg.Connection[Any]", user: str) -> frozenset[int]:
    """The process numbers of its server connections as ``user``, on whichever nodes."""
    rows = console.execute("SHOW SERVERS").fetchall()
    return frozenset(int(row["remote_pid"]) for row in rows if row["user"] == user)


def end_client(console: "psycopg.Connection[Any]", client: PooledClient) -> None:
    """KILL_CLIENT, if it has not left by itself."""
    _end(console, client.number)


def _end(console: "psycopg.Connection[Any]", number: int) -> None:
    import psycopg

    with suppress(psycopg.errors.ProtocolViolation):
        console.execute(f"KILL_CLIENT {number}".encode())
