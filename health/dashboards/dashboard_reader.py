"""Answers for the dashboards' page: what the model asks, with chosen values and times put in, read from Prometheus.

Each answer is made by one thread, its queries one after the other. So there are never more queries than threads.
"""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from cluster.waiting import Clock
from dashboards.interpolation import TimeGrid, interpolate, mark_query
from dashboards.model import Annotation, Dashboard, Json, Panel, Query, Variable
from health.dashboards.panel_data import MOST_SERIES, Series, course_data, latest, marks, moment_data
from health.dashboards.panel_parameters import MOST_VALUES, PanelParameters

_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)", re.DOTALL)
_KEPT = 10.0
"""Seconds for which the values that can be chosen are not read again: every panel wants them."""
_MOST_KEPT = 500
_ALIGNED = 600
"""Seconds to whose multiples the times of choices are widened, so that neighbours share them."""
MARK_STEP = 60
"""Seconds between two points at which marks are looked for, at least."""
Values = tuple[str, ...]


class Source(Protocol):
    """Prometheus, or a part of what it answers."""

    def query(self, expr: str, moment: float, limit: int) -> Series:
        """Series at a moment."""

    def query_range(self, expr: str, times: range, limit: int) -> Series:
        """Series over time."""

    def label_values(self, label: str, selector: str, start: int, end: int) -> Sequence[str]:
        """What can be chosen."""


class DashboardReader:
    """Reads the values of panels, choices and marks."""

    def __init__(self, source: Source, clock: Clock = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._kept: dict[tuple[str, int, int], tuple[float, Values]] = {}

    def panel(self, dashboard: Dashboard, panel: Panel, parameters: PanelParameters) -> Json:
        """The series of one panel."""
        values, grid = self._values(dashboard, parameters), parameters.grid(now=panel.now)
        results = [self._series(query, values, grid) for query in panel.queries]
        return moment_data(panel.queries, results) if panel.now else course_data(panel.queries, results, grid)

    def choices(self, dashboard: Dashboard, parameters: PanelParameters) -> Json:
        """What can be chosen for each variable, given what is chosen for those before it.

        Where a panel is drawn once for each value, what was there in the time shown: what is gone would have an empty
        one for hours, since Prometheus knows only in which block of its data a value is.
        """
        repeated = {panel.repeat for row in dashboard.rows for panel in row.panels}
        choices: dict[str, Values] = {}
        values: dict[str, Values] = {}
        for variable in dashboard.variables:
            read = self._present if variable.name in repeated else self._choices
            found = choices[variable.name] = read(variable, values, parameters)
            values[variable.name] = parameters.chosen.get(variable.name) or _unchosen(variable, found)
        return {name: list(found) for name, found in choices.items()}

    def marks(self, dashboard: Dashboard, parameters: PanelParameters) -> list[Json]:
        """What happened in the time shown."""
        values, grid = self._values(dashboard, parameters), parameters.grid(least=MARK_STEP)
        return latest(mark for annotation in dashboard.annotations for mark in self._marks(annotation, values, grid))

    def _marks(self, annotation: Annotation, values: Mapping[str, Values], grid: TimeGrid) -> list[Json]:
        expr = mark_query(annotation, values, grid)
        return marks(annotation, self._source.query_range(expr, grid.times, MOST_SERIES), grid)

    def _series(self, query: Query, values: Mapping[str, Values], grid: TimeGrid) -> Series:
        """One more than is shown, so that it is known that there are more."""
        expr = interpolate(query.expr, values, grid)
        if query.now:
            return self._source.query(expr, grid.end, MOST_SERIES + 1)
        return self._source.query_range(expr, grid.times, MOST_SERIES + 1)

    def _values(self, dashboard: Dashboard, parameters: PanelParameters) -> dict[str, Values]:
        """The chosen values; of a variable without any, all there are."""
        values: dict[str, Values] = {}
        for variable in dashboard.variables:
            values[variable.name] = parameters.chosen.get(variable.name) or _unchosen(
                variable, self._choices(variable, values, parameters)
            )
        return values

    def _present(self, variable: Variable, values: Mapping[str, Values], parameters: PanelParameters) -> Values:
        """The values there are within the time shown, to the second."""
        label, selector = _label_values(variable, values, parameters)
        span = max(parameters.scrape, round(parameters.end - parameters.start))
        expr = f"group by ({label}) (present_over_time({selector}[{span}s]))"
        series = self._source.query(expr, parameters.end, MOST_VALUES)
        return tuple(sorted(each["metric"][label] for each in series if label in each["metric"]))

    def _choices(self, variable: Variable, values: Mapping[str, Values], parameters: PanelParameters) -> Values:
        """All values there are; of a variable that has one at a time, this cluster's own first."""
        known = self._label_values(*_label_values(variable, values, parameters), parameters)
        own = parameters.cluster
        return known if variable.many else (own, *(value for value in known if value != own))

    def _label_values(self, label: str, selector: str, parameters: PanelParameters) -> Values:
        start, end = int(parameters.start // _ALIGNED * _ALIGNED), int(-(-parameters.end // _ALIGNED) * _ALIGNED)
        key = (f"{label} {selector}", start, end)
        read, values = self._kept.get(key, (float("-inf"), ()))
        if self._clock() - read > _KEPT:
            values = tuple(sorted(self._source.label_values(label, selector, start, end)))
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (self._clock(), values)
        return values


def _label_values(variable: Variable, values: Mapping[str, Values], parameters: PanelParameters) -> tuple[str, str]:
    """Whose label a variable's values are: the label, and a selector of the series that have it."""
    found = _LABEL_VALUES.fullmatch(interpolate(variable.query, values, parameters.grid()))
    assert found, variable.query
    return found["label"], found["selector"]


def _unchosen(variable: Variable, choices: Values) -> Values:
    return choices if variable.many else choices[:1]
