"""When backups are due: cron expressions in a time zone of their own, whatever the clocks do. Pure.

Fixed times that a change of the clocks skips run right after it, those that it repeats run once, as in Debian's cron.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from backup.layout import Kind
from cluster.errors import UsageError


@dataclass(frozen=True)
class Schedule:
    """A cron expression of five fields and the time zone it is meant in."""

    expression: str
    zone: ZoneInfo

    @cached_property
    def _is_usable(self) -> bool:
        return next(self._runs(0.0), None) is not None

    def _runs(self, after: float) -> Iterator[float]:
        """Unix times of the runs after ``after``, in order. The simulation knows no `fold` and may begin too early."""
        from cronsim import CronSim

        last = after
        for run in CronSim(self.expression, datetime.fromtimestamp(after, self.zone)):
            if run.timestamp() > last:
                last = run.timestamp()
                yield last

    def next(self, after: float) -> float:
        """Unix time of the first run after ``after``."""
        return next(self._runs(after))

    def longest_gap(self, after: float) -> float:
        """Seconds between two runs that follow each other, the most of the next ``_GAPS``; a weekend counts."""
        runs = list(islice(self._runs(after), _GAPS + 1))
        return max(later - earlier for earlier, later in pairwise(runs))

    def missed(self, since: float, now: float) -> float | None:
        """The newest run that was due after ``since`` and not after ``now``; None where there was none.

        After a downtime that is the one to catch up with: one run, however many were missed.
        """
        from cronsim import CronSim

        begin = datetime.fromtimestamp(now + _OVERLAP, self.zone)
        runs = (run.timestamp() for run in CronSim(self.expression, begin, reverse=True))
        newest = next((run for run in runs if run <= now), None)
        return newest if newest is not None and newest > since else None


_GAPS = 100
"""More than a quarter of daily runs, more than a year of weekly ones."""
_OVERLAP = 3 * 3600.0
"""Seconds, more than clocks are ever set back by: going back from ``now``, no repeated hour is stepped over."""


def parse_schedule(expression: str, zone: str) -> Schedule:
    """A schedule as settings give it.

    Raises:
        UsageError: it is no cron expression of five fields, never comes true, or the zone is unknown.
    """
    from cronsim import CronSimError

    try:
        schedule = Schedule(expression, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"{zone!r} is not a time zone", "use a name such as UTC or Europe/Berlin") from None
    try:
        usable = len(expression.split()) == 5 and schedule._is_usable
    except CronSimError as error:
        raise UsageError(f"{expression!r} is not a schedule: {error}", _EXAMPLE) from None
    if not usable:
        raise UsageError(f"{expression!r} is not a schedule: five fields of a date that comes", _EXAMPLE)
    return schedule


_EXAMPLE = "use minute, hour, day of month, month, day of week: '0 2 * * *' is 02:00 daily"


def due_kind(full: Schedule, last_full: float | None, now: float) -> Kind:
    """What to take at ``now``: a full backup where one has been due since the last was begun, else an incremental one.

    A full backup that failed or was missed is thus made up for by the next run.

    Args:
        full: when full backups are due.
        last_full: Unix time at which the newest full backup was begun; None where there is none.
        now: Unix time.
    """
    return "full" if last_full is None or full.missed(last_full, now) is not None else "incremental"


def due(schedule: Schedule, last: float | None, now: float) -> bool:
    """Whether a backup should begin at ``now``.

    Args:
        schedule: when backups are due.
        last: Unix time at which the newest was begun (or tried); None where there is none, which makes one due. One in
            the future, from before the clock was set back, counts as ``now``.
        now: Unix time.
    """
    return last is None or schedule.missed(min(last, now), now) is not None
