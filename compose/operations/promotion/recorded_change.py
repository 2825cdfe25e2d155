"""A change of the primary goes into the journal, and `up` sees that it knows the primary."""

from dataclasses import replace

from cluster.errors import PodsError
from cluster.history import Event, PrimaryChange
from cluster.postgres.connection import connect, fetch_one
from cluster.postgres.data_directory import read_data_directory
from compose.home.primary_journal import publish_journal, read_journal, record
from compose.stack import Stack


def record_change(stack: Stack, change: PrimaryChange) -> str:
    """Note that the primary of ``stack`` took over, on the timeline that it says it writes.

    Returns:
        "", or why it could not be noted.
    """
    return record(
        stack.home, replace(change, primary=stack.topology.primary, timeline=change.timeline or current_timeline(stack))
    )


def record_present(stack: Stack, *, first: bool, by: str) -> str:
    """Note who is the primary where the journal does not say so; ``first``: its data was made just now.

    Returns:
        "", or why it could not be noted.
    """
    try:
        latest = read_journal(stack.home).latest
        publish_journal(stack.home)
    except OSError:
        latest = None
    timeline = current_timeline(stack)
    known = latest is not None and (latest.primary, latest.timeline) == (stack.topology.primary, timeline)
    if known or timeline is None:
        return ""
    event: Event = "first start" if first and latest is None else "noticed"
    before = latest.primary if latest is not None else None
    return record_change(stack, PrimaryChange(event=event, before=before, timeline=timeline, by=by))


def record_restore(stack: Stack, backup: str, lsn: str, by: str) -> str:
    """Note that the primary has the data of a backup now, before it starts with it.

    Returns:
        "", or why it could not be noted.
    """
    data = read_data_directory(stack.home.node(stack.topology.primary))
    if data is None:
        return ""
    return record_change(
        stack,
        PrimaryChange(
            event="restore", before=stack.topology.primary, timeline=data.timeline, lsn=lsn, reason=backup, by=by
        ),
    )


def current_timeline(stack: Stack) -> int | None:
    """What the primary says; None while it does not."""
    try:
        with connect(stack.monitor(stack.topology.primary)) as connection:
            return fetch_one(connection, "current_timeline", lambda timeline: int(timeline))
    except PodsError:
        return None
