"""An operation holds the pools: a file on the guide's volume, which ends by itself.

While it is there the guide pauses and resumes nothing. It is an order of somebody who may die: hence the end.
"""

from dataclasses import dataclass
from pathlib import Path

from cluster.documents import dump, load
from cluster.errors import UsageError
from cluster.files import replace_file

HOLD_FILE = "hold.json"
LONGEST = 100.0
"""Seconds; clients wait no longer than query_wait_timeout (120)."""
_AHEAD = 5.0
"""Seconds by which a clock may have been set back since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOrder:
    """Hold the pools from ``since`` until ``until``, Unix seconds."""

    since: float
    until: float


def write_hold(volume: Path, now: float, seconds: float) -> None:
    """Hold the pools from ``now`` on.

    Raises:
        UsageError: for longer than clients wait.
    """
    if not 0 < seconds <= LONGEST:
        raise UsageError(f"pools cannot be held for {seconds:g} s", f"give 1 to {LONGEST:g} seconds")
    replace_file(volume / HOLD_FILE, dump(PoolOrder(since=now, until=now + seconds)))


def remove_hold(volume: Path) -> None:
    """Hold them no longer."""
    (volume / HOLD_FILE).unlink(missing_ok=True)


def read_hold(volume: Path, now: float) -> PoolOrder | None:
    """The order that is in force at ``now``; one that is damaged, over or of another clock is none."""
    try:
        order = load(PoolOrder, (volume / HOLD_FILE).read_bytes(), "an order to hold the pools")
    except (OSError, ValueError):
        return None
    in_force = order.since - _AHEAD <= now < min(order.until, order.since + LONGEST)
    return order if in_force else None
