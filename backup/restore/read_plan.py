"""A plan from a fresh reading of the archive, which is read again before a hole in it is believed."""

from collections.abc import Callable

from backup.restore.plan import HoleError, Plan
from cluster.waiting import attempts

_ARRIVAL_SECONDS = 10.0
"""Segments are stored side by side: so long one may come later than those behind it."""


def read_plan(make: Callable[[], Plan], timeout: float = _ARRIVAL_SECONDS, pause: float = 1.0) -> Plan:
    """What ``make`` reads and plans; where a segment is missing that others follow, it is called again.

    Raises:
        HoleError: the hole is still there after ``timeout`` seconds.
        PodsError: whatever else ``make`` raises, at once.
    """
    for left in attempts(timeout, pause):
        try:
            return make()
        except HoleError:
            if not left:
                raise
    raise AssertionError
