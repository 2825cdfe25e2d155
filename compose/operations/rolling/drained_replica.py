"""A replica that nobody reads from through PgBouncer for a while, so that its restart ends no transaction."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from cluster import pgbouncer
from cluster.errors import MachineError, TimedOutError
from cluster.pools import own_pools
from cluster.postgres.connection import Access, connect
from cluster.topology import Topology
from cluster.waiting import wait_until
from compose.console import Progress
from compose.operations.apply_topology import write_files
from compose.operations.open_transactions import open_transactions
from compose.operations.pooler_consoles import console_access
from compose.operations.pooler_pause import PATIENCE, release
from compose.operations.promotion.guard import guarded
from compose.operations.reload import reload_pooler
from compose.stack import Stack

_MARGIN = 0.2
"""Seconds: a transaction this much younger than the reload may still have been lent a connection before it."""


@contextmanager
def drained(stack: Stack, node: str, step: Progress) -> Iterator[None]:
    """Lead readers past the replica ``node`` meanwhile; clients of its own pool wait.

    If what is done meanwhile fails, readers are led past it until `up` has mended it.

    Raises:
        PodsError: transactions there do not end; nothing has changed then.
    """
    began = time.monotonic()
    _lead(stack, stack.topology.with_pool(node, "own"))
    idle = False
    try:
        with _held(stack, own_pools(stack.settings, node)):
            _await_idle(stack, node, began, step)
            idle = True
            yield
    except BaseException:
        if not idle:
            _lead(stack, stack.topology)
        raise
    _lead(stack, stack.topology)


def _lead(stack: Stack, topology: Topology) -> None:
    """Pools as ``topology`` has them, which is not saved: what is interrupted here, `up` renders as it was."""
    write_files(stack, topology)
    reload_pooler(stack)


@contextmanager
def _held(stack: Stack, pools: Iterable[str]) -> Iterator[None]:
    """Clients of ``pools`` wait meanwhile, whatever happens inside; should this process die, its guard runs `up`."""
    access = console_access(stack)
    with guarded(stack.home) as guard:
        try:
            release(access)  # whoever held them back before us was killed
            for pool in pools:
                _pause(replace(access, patience=PATIENCE), pool)
            yield
        finally:
            release(access)
            guard.dismiss()


def _pause(access: Access, pool: str) -> None:
    try:
        with connect(access, console=True) as console:
            pgbouncer.pause(console, pool)
    except MachineError as error:
        message = f"transactions in the pool {pool} do not end: {error.message}"
        raise TimedOutError(message, "let them end, or end them, then run this again") from None


def _await_idle(stack: Stack, node: str, began: float, step: Progress) -> None:
    """Until what was begun there before readers were led past it has ended; direct clients may begin anew."""

    def missing() -> str:
        left = open_transactions(stack, node, max(0.0, time.monotonic() - began - _MARGIN))
        return str(left[0]) if left else ""

    wait_until(
        missing,
        timeout=PATIENCE,
        what=f"transactions on {node} did not end",
        hint="wait for them, or end them with pg_terminate_backend, then run this again",
        pause=0.05,
        progress=step.update,
    )
