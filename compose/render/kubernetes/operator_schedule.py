"""A backup schedule of five fields as the operator's library reads it: with seconds before, and Sunday as 0. Pure."""

from cluster.errors import UsageError

_SUNDAY = "7"


def six_fields(schedule: str) -> str:
    """The same moments.

    Raises:
        UsageError: it has a word (L, LW, #) that the library does not know.
    """
    *others, weekday = schedule.upper().split()
    if any(word in field for field in (*others, weekday) for word in ("L", "#", "W")):
        raise UsageError(
            f"BACKUP_SCHEDULE={schedule!r} has L, W or #, which CloudNativePG does not know",
            "export with another schedule, and write several ScheduledBackups by hand",
        )
    return " ".join(["0", *others, ",".join(_days(part) for part in weekday.split(","))])


def _days(part: str) -> str:
    """One day, a range, or either with a step."""
    days, slash, step = part.partition("/")
    first, dash, last = days.partition("-")
    if first == _SUNDAY and not dash:
        return "0" if not slash else part.replace(_SUNDAY, "0", 1)
    if last != _SUNDAY:
        return part
    if first == _SUNDAY or not first.isdigit():
        return "0" if first == _SUNDAY else f"{first}-SAT{slash}{step},0"
    width = int(step or 1)
    chosen = [day % 7 for day in range(int(first), 8, width)]
    return ",".join(str(day) for day in chosen)
