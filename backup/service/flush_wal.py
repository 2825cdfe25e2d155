"""The present moment, made restorable: WAL up to now is shipped at once, instead of with the next tail."""

import time
from dataclasses import dataclass
from typing import Any

from backup.service.context import ServiceContext
from cluster.backup_status import read_status
from cluster.errors import PodsError, RefusedError
from cluster.postgres.connection import connect, fetch_one
from cluster.postgres.lsn import Lsn

_FRESH = 10.0
"""Seconds after which a state that nobody renews means that no archiver runs."""
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WalFlush:
    """Everything committed before ``when`` (Unix seconds) is archived; it ends before ``lsn`` of ``timeline``."""

    timeline: int
    lsn: Lsn
    when: float


def require_archived(context: ServiceContext) -> WalFlush:
    """The same for the first store and for who cannot go on without it: an archiver that comes back is waited for.

    Raises:
        RefusedError: it did not get there.
    """
    end = time.monotonic() + _PATIENCE
    while (left := end - time.monotonic()) > 0:
        if (archived := archive_now(context, context.store().name, left)) is not None:
            return archived
        time.sleep(0.2)
    raise RefusedError(
        f"the archive did not reach this moment within {_PATIENCE:.0f} s", "see inv status, then run this again"
    )


def archive_now(context: ServiceContext, store: str, patience: float = _PATIENCE) -> WalFlush | None:
    """Let the primary begin a new segment and wait until ``store`` has the one before, at most ``patience`` seconds.

    None where no archiver runs, the primary does not answer or is none, or the store does not get it in time.
    """
    import psycopg

    state = read_status(context.state).archive
    if state is None or not state.streaming or time.time() - state.updated > _FRESH:
        return None
    try:
        when, lsn = _switch(context)
    except (PodsError, psycopg.Error):  # the second where another became the primary this moment
        return None
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if _has(context, store, state.timeline, lsn):
            return WalFlush(timeline=state.timeline, lsn=lsn, when=when)
        time.sleep(0.2)
    return None


def _switch(context: ServiceContext) -> tuple[float, Lsn]:
    """Twice: a commit goes into the segment after the switch it is in, and recovery to a time stops at a later commit.

    Raises:
        PodsError: the primary does not answer.
    """
    when = time.time()
    with connect(context.access(context.inside.topology.primary)) as connection:
        fetch_one(connection, "switch_wal", dict[str, Any])
        row = fetch_one(connection, "switch_wal", dict[str, Any])
    assert row is not None
    return when, Lsn.parse(row["pg_switch_wal"])


def _has(context: ServiceContext, store: str, timeline: int, lsn: Lsn) -> bool:
    state = read_status(context.state).archive
    archived = next((each.archived for each in state.stores if each.name == store), "") if state else ""
    return bool(archived) and state is not None and state.timeline == timeline and Lsn.parse(archived) >= lsn
