"""PgBouncer's console as the guide uses it: what the pools of the primary are, and PAUSE, RELOAD, RESUME."""

import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cluster import pgbouncer
from cluster.errors import MachineError
from cluster.postgres.connection import Access, connect
from cluster.postgres.failures import translated
from cluster.waiting import attempts
from guide.decision import PoolerReading

if TYPE_CHECKING:
    import psycopg

_PATIENCE = 3.0
_SPARE = 8


class PoolerConsole:
    """The console, by a connection that is kept."""

    def __init__(self, access: Access) -> None:
        self._access = replace(access, connect_timeout=2)
        self._kept = ExitStack()
        self._connection: psycopg.Connection[Any] | None = None
        self._spare: list[psycopg.Connection[Any]] = []

    def read(self, pools: Collection[str], elsewhere: Collection[str] = ()) -> PoolerReading | None:
        """Those of ``pools`` that it has; None where it does not answer. ``elsewhere``: addresses of other nodes."""
        try:
            with self._bounded() as console:
                databases = console.execute("SHOW DATABASES").fetchall()
                held = pgbouncer.is_held(console)
                stale = len(pgbouncer.read_stale(console, pools, elsewhere)) if elsewhere else 0
        except MachineError:
            return None
        return replace(pooler_reading(databases, pools, held=held), stale=stale)

    def end_stale(self, pools: Collection[str], elsewhere: Collection[str]) -> int:
        """End those clients of ``pools`` who are busy at one of these addresses; how many.

        Raises:
            MachineError: it does not answer.
        """
        with self._bounded() as console:
            return pgbouncer.end_linked(console, pgbouncer.read_stale(console, pools, elsewhere))

    def lead(self, held: Collection[str]) -> None:
        """RELOAD, and RECONNECT the pools that are ``held`` back: none keeps what a node said of itself before.

        RELOAD ends the server connections of a pool that leads elsewhere now. RECONNECT on one whose clients work would
        break off a login to a server, and PgBouncer then answers whoever waits with "server login has been failing".

        Raises:
            MachineError: it does not answer.
        """
        with self._bounded() as console:
            pgbouncer.reload(console)
            pgbouncer.renew(console, held)

    def pause(self, pools: Collection[str]) -> None:
        """PAUSE each; it holds from at once, however long a transaction on a server that is gone may go on.

        Returns when it holds, so that none comes late, after it was taken back.

        Raises:
            MachineError: it does not hold.
        """
        pausing: list[psycopg.Connection[Any]] = []
        try:
            for pool in pools:
                pausing.append(self._spare.pop() if self._spare else self._connected())
                with translated():
                    pgbouncer.begin_pause(pausing[-1], pool)
            for _ in attempts(_PATIENCE, pause=0.02):
                seen = self.read(pools)
                if seen is not None and seen.paused >= set(pools):
                    return
        finally:
            for console in pausing:
                console.close()  # without waiting for the answer
        raise MachineError("PgBouncer does not hold its clients back")

    def prepare(self, count: int) -> None:
        """One connection more for a PAUSE, up to ``count``: when that is needed, a login would take its time."""
        if len(self._spare) < min(count, _SPARE):
            with suppress(MachineError):
                self._spare.append(self._connected())

    def _connected(self) -> "psycopg.Connection[Any]":
        return self._kept.enter_context(connect(self._access, console=True))

    def resume(self, pools: Collection[str]) -> None:
        """RESUME each.

        Raises:
            MachineError: it does not answer.
        """
        with self._bounded() as console:
            pgbouncer.resume_pools(console, pools)

    @contextmanager
    def _bounded(self) -> "Iterator[psycopg.Connection[Any]]":
        """The connection, bounded in time; one that breaks is made anew the next time."""
        try:
            if self._connection is None:
                self._connection = self._kept.enter_context(connect(self._access, console=True))
            late = f"PgBouncer gave no answer within {_PATIENCE:.0f} s"
            self._connection.set_deadline(time.monotonic() + _PATIENCE, late)  # type: ignore[attr-defined]
            with translated():
                yield self._connection
        except MachineError:
            self.close()
            raise

    def close(self) -> None:
        """End the connection, if there is one."""
        import psycopg

        with suppress(psycopg.Error):
            self._kept.close()
        self._kept, self._connection, self._spare = ExitStack(), None, []


def pause_one(access: Access, pool: str) -> None:
    """PAUSE, and wait for its transactions to end, by a connection of its own.

    Raises:
        MachineError: they did not end within the patience of ``access``; the pool is held back all the same.
    """
    with connect(access, console=True) as console, translated():
        pgbouncer.pause(console, pool)


def pooler_reading(databases: Collection[dict[str, Any]], pools: Collection[str], *, held: bool) -> PoolerReading:
    """What SHOW DATABASES means for ``pools``; one that is missing leads nowhere."""
    rows = {row["name"]: row for row in databases if row["name"] in pools}
    hosts = {row["host"] or "" for row in rows.values()}
    whole = len(hosts) == 1 and rows.keys() == set(pools)
    return PoolerReading(
        leads=hosts.pop() if whole else "",
        pools=frozenset(rows),
        paused=frozenset(name for name, row in rows.items() if held or int(row["paused"])),
    )
