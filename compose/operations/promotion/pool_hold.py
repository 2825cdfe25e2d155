"""Holding clients of some pools back at PgBouncer, and letting them go on where the pools then lead."""

from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cluster import pgbouncer
from cluster.errors import MachineError, RefusedError
from cluster.postgres.connection import connect
from cluster.postgres.failures import one_line
from cluster.waiting import attempts
from compose.operations.pooler_consoles import console_access
from compose.operations.promotion.candidate import waited_for
from compose.stack import Stack

if TYPE_CHECKING:
    import psycopg

PAUSE_SECONDS = 10
"""For open transactions to end; then everything is taken back."""
WAIT_SECONDS = 300
"""How long a client may wait meanwhile, instead of PgBouncer's two minutes."""
_RELEASE_SECONDS = 20.0
"""For a PgBouncer that was started anew meanwhile to answer."""


class PoolHold:
    """Clients of some pools of ``stack``, held back by a connection to the console that stays open."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._open = ExitStack()
        self._console: psycopg.Connection[Any] | None = None

    def prepare(self) -> None:
        """Connect, while nobody waits; `hold` has to follow at once.

        Raises:
            MachineError: PgBouncer does not answer.
        """
        self._connect()
        patient = replace(console_access(self._stack), patience=float(PAUSE_SECONDS))
        self._pausing = self._open.enter_context(connect(patient, console=True))
        assert self._console is not None
        pgbouncer.allow_waiting(self._console, WAIT_SECONDS)

    def hold(self, node: str) -> None:
        """PAUSE each pool that leads to ``node``; returns when no transaction runs in any.

        Raises:
            RefusedError: one did not end in time; says which.
        """
        for name, hosts in self._stack.pools.items():
            if node in hosts:
                self._pause(name)

    def _pause(self, name: str) -> None:
        try:
            pgbouncer.pause(self._pausing, name)
        except MachineError:
            found = waited_for(self._stack) or "a transaction goes on"
            raise RefusedError(
                f"{found}: the pool {name} does not come to rest within {PAUSE_SECONDS} s",
                "let it end, or end it; then try again",
            ) from None

    def repoint(self) -> None:
        """Let PgBouncer read its files while clients are held back, for as long as before.

        Who logs in from then on is verified where the pool will lead, and waits like the others.
        """
        assert self._console is not None
        pgbouncer.reload(self._console)
        pgbouncer.allow_waiting(self._console, WAIT_SECONDS)

    def release(self, stale: Collection[str] = ()) -> None:
        """Let PgBouncer read its files, and everybody go on; pools that are ``stale`` ask their servers anew.

        Raises:
            MachineError: PgBouncer did not answer.
        """
        import psycopg

        for left in attempts(_RELEASE_SECONDS, pause=0.1):
            try:
                self._release(stale)
            except (MachineError, psycopg.Error) as error:
                self.close()
                if not left:
                    reason = f"clients may still wait at PgBouncer: {one_line(error)}"
                    raise MachineError(reason, "run inv up, which lets them go on") from None
            else:
                return

    def _release(self, stale: Collection[str]) -> None:
        if self._console is None:
            self._connect()
        assert self._console is not None
        pgbouncer.reload(self._console)
        pgbouncer.renew(self._console, stale)
        pgbouncer.resume_all(self._console)

    def _connect(self) -> None:
        self._console = self._open.enter_context(connect(console_access(self._stack), console=True))

    def close(self) -> None:
        """Close the connection; whoever is held back stays so."""
        self._open.close()
        self._console = None
