"""An expression with the chosen values and the times shown put in, as Grafana does it.

A value may be any text: it stands inside a string of the expression, as itself or as a branch of a regular expression,
and can change neither.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.model import Annotation

Values = Mapping[str, Sequence[str]]
"""The chosen values of each variable."""
MOST_POINTS = 600
LEAST_POINTS = 10
_RATE_SCRAPES = 4
"""A rate wants at least so many scrapes in its window: one may fail, and there are still two."""
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY = 86400
_BETWEEN = 20
"""Moments between two points at which a mark is looked for."""
_PART = re.compile(
    r'(?:(?P<regex>[=!]~)\s*)?"(?P<literal>(?:[^"\\]|\\.)*)"|\$__(?P<time>rate_interval|interval|range)\b'
)
_NAME = re.compile(r"\$(\w+)")
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
"""What RE2 does not take as itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeGrid:
    """The times shown, in Unix seconds, as multiples of a step: who asks a moment later gets the same points."""

    start: int
    end: int
    step: int
    scrape: int
    """Seconds between two scrapes."""

    @property
    def times(self) -> range:
        """Every point."""
        return range(self.start, self.end + 1, self.step)

    @property
    def durations(self) -> dict[str, str]:
        """What Grafana's own variables of time stand for."""
        rate = max(_RATE_SCRAPES * self.scrape, self.step + self.scrape)
        length = max(self.step, self.end - self.start)
        return {"rate_interval": f"{rate}s", "interval": f"{self.step}s", "range": f"{length}s"}


def time_grid(start: float, end: float, *, points: int, scrape: int, least: int = 1) -> TimeGrid:
    """From ``start`` to ``end`` in ``points`` points at most (bounded), none closer than a scrape and ``least``."""
    most = min(max(points, LEAST_POINTS), MOST_POINTS)
    length = max(end - start, 1) / (most - 2)  # both ends are moved to a multiple
    step = max(scrape, least, next((step for step in _STEPS if step >= length), _DAY * -int(-length // _DAY)))
    return TimeGrid(start=int(start // step * step), end=int(end // step * step), step=step, scrape=scrape)


def interpolate(expr: str, values: Values, grid: TimeGrid) -> str:
    """``expr`` as Prometheus shall evaluate it."""

    def part(found: re.Match[str]) -> str:
        if found["time"]:
            return grid.durations[found["time"]]
        written = _NAME.sub(lambda name: _value(name, values, regex=bool(found["regex"])), found["literal"])
        return f'{found[0][: found.start("literal") - found.start()]}{written}"'

    return _PART.sub(part, expr)


def mark_query(annotation: Annotation, values: Values, grid: TimeGrid) -> str:
    """Where a value is itself a time, it is looked for between points as well: at a point a scrape may have failed."""
    expr = interpolate(annotation.expr, values, grid)
    if not annotation.dated:
        return expr
    return f"max_over_time(({expr})[{grid.step}s:{max(grid.scrape, grid.step // _BETWEEN)}s])"


def _value(name: re.Match[str], values: Values, *, regex: bool) -> str:
    """The text in place of a name; one that is no variable's, such as `$1` of a replacement, stays."""
    chosen = values.get(name[1])
    if chosen is None:
        return name[0]
    if regex:
        return _quoted("(" + "|".join(_SPECIAL.sub(r"\\\g<0>", value) for value in chosen) + ")")
    (only,) = chosen
    return _quoted(only)


def _quoted(text: str) -> str:
    """As it stands inside a string of PromQL."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(f"\\x{ord(one):02x}" if ord(one) < 32 or ord(one) == 127 else one for one in text)


def legend(template: str, labels: Mapping[str, str]) -> str:
    """The name of one series: `{{label}}` is what it has for the label."""
    if not template:
        return ", ".join(f"{name}={value}" for name, value in labels.items() if name != "__name__")
    return _LABEL.sub(lambda name: labels.get(name[1], ""), template)
