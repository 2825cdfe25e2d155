"""Holding clients back at PgBouncer while the server behind it is away, so that they wait instead of failing."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from cluster import pgbouncer
from cluster.errors import MachineError
from cluster.postgres.connection import Access, connect
from cluster.postgres.failures import one_line
from compose.console import Console
from compose.operations.pooler_consoles import console_access
from compose.operations.promotion.guard import guarded
from compose.stack import Stack

PATIENCE = 20.0
"""Seconds for open transactions to end; sessions that hold a server for good never do."""


@contextmanager
def paused(stack: Stack, console: Console) -> Iterator[bool]:
    """PgBouncer holds every client back meanwhile; False, and nobody is held back, where that cannot be done in time.

    Whatever happens inside, they go on at the end; should this process die, its guard runs `up`.
    """
    access = console_access(stack)
    with guarded(stack.home) as guard:
        held = _pause(access, console)
        try:
            yield held
        finally:
            if held:
                release(access)
            guard.dismiss()


def _pause(access: Access, console: Console) -> bool:
    import psycopg

    try:
        release(access)  # whoever held them back before us was killed
        with connect(replace(access, patience=PATIENCE), console=True) as pooler:
            pgbouncer.pause(pooler)
    except (MachineError, psycopg.Error) as error:
        with suppress(MachineError, psycopg.Error):
            release(access)
        console.warn(f"clients are not held back, as PgBouncer does not get them to wait: {one_line(error)}")
        return False
    return True


def release(access: Access) -> None:
    """Let clients go on that are held back; where nobody is, nothing happens.

    Raises:
        MachineError: PgBouncer does not answer.
    """
    with connect(access, console=True) as pooler:
        pgbouncer.resume_all(pooler)


def open_pools(stack: Stack) -> list[str]:
    """Let clients into pools again that were disabled or paused on the console; their names.

    Raises:
        MachineError: PgBouncer does not answer.
    """
    with connect(console_access(stack), console=True) as console:
        held = pgbouncer.is_held(console)
        closed = [pool for pool in pgbouncer.read_pools(console) if pool.disabled or (pool.paused and not held)]
        for pool in closed:
            pgbouncer.open_pool(console, pool)
    return [pool.name for pool in closed]
