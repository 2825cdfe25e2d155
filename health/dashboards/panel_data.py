"""What the browser gets of a panel: the series of its queries, each with its legend, its values beside a list of times.

Pure. The keys are those of docs/reference/health-api.md.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dashboards.interpolation import TimeGrid, legend
from dashboards.model import Annotation, Json, Query

MOST_SERIES = 100
"""Of one panel: more can be neither drawn nor read."""
MOST_MARKS = 200
Series = Sequence[Mapping[str, Any]]


def course_data(queries: Iterable[Query], results: Iterable[Series], grid: TimeGrid) -> Json:
    """Series over time; None where there is no value."""
    times = grid.times
    found = [{**named, "values": _values(series["values"], times)} for named, series in _series(queries, results)]
    return {"step": grid.step, "times": list(times), **_bounded(found)}


def moment_data(queries: Iterable[Query], results: Iterable[Series]) -> Json:
    """The value of each series now."""
    return _bounded([{**named, "value": _number(series["value"][1])} for named, series in _series(queries, results)])


def _series(queries: Iterable[Query], results: Iterable[Series]) -> Iterator[tuple[Json, Mapping[str, Any]]]:
    for number, (query, result) in enumerate(zip(queries, results, strict=True)):
        for series in result:
            labels = series["metric"]
            yield {"query": number, "legend": legend(query.legend, labels), "labels": labels}, series


def _bounded(series: list[Json]) -> Json:
    """Whole queries may be cut: Prometheus itself is told how many are of use."""
    more = len(series) > MOST_SERIES
    note = f"Only {MOST_SERIES} series are shown, and there are more: choose fewer." if more else ""
    return {"series": series[:MOST_SERIES], "note": note}


def _values(points: Iterable[tuple[float, str]], times: range) -> list[float | None]:
    values: list[float | None] = [None] * len(times)
    for moment, text in points:
        index = round((moment - times.start) / times.step)
        if 0 <= index < len(values):
            values[index] = _number(text)
    return values


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def marks(annotation: Annotation, result: Series, grid: TimeGrid) -> list[Json]:
    """The marks of one annotation: at the times that its values are, or wherever it begins to have a value."""
    return [
        {
            "name": annotation.name,
            "title": legend(annotation.title, series["metric"]),
            "colour": annotation.colour,
            "time": moment,
        }
        for series in result
        for moment in sorted(_moments(annotation, series["values"], grid))
    ]


def _moments(annotation: Annotation, points: Iterable[tuple[float, str]], grid: TimeGrid) -> Iterator[int]:
    """In milliseconds."""
    if annotation.dated:
        dated = {int(value) for _, text in points if (value := _number(text)) is not None}
        yield from (moment for moment in dated if grid.start * 1000 <= moment <= (grid.end + grid.step) * 1000)
        return
    before = -math.inf
    for moment, text in points:
        if float(text) and moment - before > grid.step:
            yield int(moment * 1000)
        before = moment if float(text) else -math.inf


def latest(found: Iterable[Json]) -> list[Json]:
    """The latest marks, each title and time once, in the order of time."""
    once = {(mark["name"], mark["title"], mark["time"]): mark for mark in found}
    return sorted(once.values(), key=lambda mark: (mark["time"], mark["title"]))[-MOST_MARKS:]
