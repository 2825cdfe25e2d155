"""After a primary has started with lower limits: replicas may start anew only when they know."""

from cluster.errors import PodsError
from cluster.postgres.connection import connect, fetch_one
from cluster.postgres.lsn import Lsn
from cluster.waiting import wait_until
from compose.console import Progress
from compose.stack import Stack

_SECONDS = 60.0


def await_known(stack: Stack, step: Progress) -> None:
    """Until every replica that answers has replayed that the primary's limits are lower.

    One that is started with less than it has noted of its primary ends ("insufficient parameter settings"), each time
    anew: it notes the lower ones when it replays the record that the primary wrote at its start.

    Raises:
        TimedOutError: one does not get there; it was not touched.
    """
    primary = stack.topology.primary
    end = _position(stack, primary)
    for node in stack.topology.replicas:
        if end is not None and _position(stack, node.name) is not None:
            wait_until(
                lambda name=node.name: _lacks(stack, name, end),  # type: ignore[misc]
                timeout=_SECONDS,
                what=f"{node.name} did not replay that the limits of {primary} are lower",
                hint="it was not restarted, and would not start; see inv status, then run this again",
                progress=step.update,
            )


def _lacks(stack: Stack, name: str, end: Lsn) -> str:
    reached = _position(stack, name)
    return "" if reached is not None and reached >= end else f"{name} is at {reached}, and it is noted at {end}"


def _position(stack: Stack, name: str) -> Lsn | None:
    """How far a node has replayed, or a primary written; None where it does not answer."""
    try:
        with connect(stack.monitor(name)) as connection:
            return fetch_one(connection, "replayed", lambda lsn: Lsn.parse(lsn) if lsn else None)
    except PodsError:
        return None
