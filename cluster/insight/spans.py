"""From when on statements are counted, as people write it. Pure."""

import re
from datetime import UTC, datetime, timedelta

from cluster.errors import UsageError

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LENGTH = re.compile(r"(\d{1,6})\s*(s|m|min|h|d|w)\Z")
_HINT = "use a length such as 15m, 1h or 2d, yesterday, or a moment such as 2026-11-27T08:00 (UTC)"


def parse_since(text: str, now: float) -> float:
    """The Unix time of ``1h`` (ago), ``yesterday`` (its beginning, UTC) or of an ISO moment, UTC where it has no zone.

    Raises:
        UsageError: it is none of these, or not in the past.
    """
    stripped = text.strip()
    begin = _begin(stripped.lower(), stripped, now)
    if begin is None or not 0 < begin < now:
        raise UsageError(f"{stripped[:40]!r} is no moment in the past", _HINT)
    return begin


def _begin(lower: str, text: str, now: float) -> float | None:
    length = _LENGTH.match(lower)
    if length:
        return now - int(length[1]) * _SECONDS[length[2]]
    if lower == "yesterday":
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return (today - timedelta(days=1)).timestamp()
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
