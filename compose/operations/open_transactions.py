"""Transactions and base backups that the restart of a server would end."""

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.documents import printable
from cluster.errors import RefusedError
from cluster.postgres.connection import connect, fetch_all
from cluster.units import human_seconds
from compose.stack import Stack

LONG = 15.0
"""Seconds: a transaction that is older is not waited for; whoever began it is asked for first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTransaction:
    """A client's transaction, or a base backup, that has gone on for so many seconds."""

    pid: int
    role: str
    application: str
    base_backup: bool
    seconds: float

    def __str__(self) -> str:
        kind = "a base backup" if self.base_backup else "a transaction"
        client = printable(f"{self.role} ({self.application})" if self.application else self.role)
        return f"{kind} of {client}, pid {self.pid}, has run for {human_seconds(self.seconds)}"


def open_transactions(stack: Stack, node: str, seconds: float) -> list[OpenTransaction]:
    """Those on ``node`` that have gone on for ``seconds``, the oldest first."""
    with connect(stack.monitor(node)) as connection:
        return fetch_all(connection, "open_transactions", OpenTransaction, [seconds])


def refuse_long(stack: Stack, nodes: Sequence[str]) -> None:
    """Refuse to begin where a restart of one of ``nodes`` would end what has gone on for long.

    Raises:
        RefusedError: says what, and on which node.
    """
    for node in nodes:
        if found := open_transactions(stack, node, LONG):
            raise RefusedError(
                f"on {node} {found[0]}",
                "wait for it, or end it with pg_terminate_backend, then run this again; nothing was changed by now",
            )
