"""PgBouncer's console: what it serves, how busy it is, and reloading it.

Source of the columns: PgBouncer documentation, "Admin console".
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

CONSOLE = "pgbouncer"
"""Name of the console's database."""
_VERIFIERS = "asked."
"""Prefix of entries for the database in which auth_query reads verifiers; no pool's name has a dot."""


def verifier_entry(hosts: tuple[str, ...]) -> str:
    """The entry (auth_dbname) through which verifiers are read for a pool that leads to ``hosts``.

    Several hosts are those of the one pool of all readers: their names together would be too long for PgBouncer (63).
    """
    return _VERIFIERS + (hosts[0] if len(hosts) == 1 else "all.readers")


def is_pool(name: str) -> bool:
    """Whether an entry of [databases] is for clients: not the console, and not an auth_dbname."""
    return name != CONSOLE and not name.startswith(_VERIFIERS)


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
    databases = [row for row in console.execute("SHOW DATABASES").fetchall() if is_pool(row["name"])]
    rows = console.execute("SHOW POOLS").fetchall()
    return tuple(
        _pool(database, [row for row in rows if row["database"] == database["name"]], held=held)
        for database in databases
    )


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


def reload(console: "psycopg.Connection[Any]") -> None:
    """RELOAD: read the configuration file and certificates again; no client notices."""
    console.execute("RELOAD")


def reconnect(console: "psycopg.Connection[Any]", pool: str = "") -> None:
    """RECONNECT: every server connection, or those of ``pool``, is closed as it comes free; no client notices."""
    console.execute(f"RECONNECT {pool}" if pool else "RECONNECT")


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
        console.execute(f"ENABLE {pool.name}".encode())
    if pool.paused:
        console.execute(f"RESUME {pool.name}".encode())


def pause(console: "psycopg.Connection[Any]", pool: str = "") -> None:
    """PAUSE: hold the clients of ``pool`` back, or all; returns when no transaction runs, no server is connected."""
    console.execute(f"PAUSE {pool}".encode())


def resume(console: "psycopg.Connection[Any]") -> None:
    """RESUME: let the clients go on."""
    console.execute("RESUME")


def resume_all(console: "psycopg.Connection[Any]") -> None:
    """Let everybody go on, whether all clients are held back or those of some pools."""
    if is_held(console):
        resume(console)
    for row in console.execute("SHOW DATABASES").fetchall():
        if is_pool(row["name"]) and int(row["paused"]):
            console.execute(f"RESUME {row['name']}".encode())


def allow_waiting(console: "psycopg.Connection[Any]", seconds: int) -> None:
    """Let clients wait so long for a server; until the next RELOAD, which takes what the file says."""
    console.execute(f"SET query_wait_timeout = {seconds}".encode())
