"""A dashboard as the health service's own page draws it: all but the queries, which never leave the server."""

from collections.abc import Iterable

from dashboards.layout import GridPosition, arrange
from dashboards.model import Annotation, Column, Dashboard, Json, Panel, Row, ValueMapping, Variable


def model_json(dashboard: Dashboard, pages: Iterable[Dashboard], *, interval: int, grafana: str | None) -> Json:
    """One page. ``pages``: all there are; ``interval``: seconds between two scrapes; ``grafana``: its page there."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "pages": [{"uid": page.uid, "title": page.title} for page in pages],
        "grafana": grafana,
        "interval": interval,
        "variables": [_variable(variable) for variable in dashboard.variables],
        "marks": [_mark(annotation) for annotation in dashboard.annotations],
        "rows": _rows(dashboard.rows),
    }


def _variable(variable: Variable) -> Json:
    return {
        "name": variable.name,
        "label": variable.label,
        "description": variable.description,
        "many": variable.many,
    }


def _mark(annotation: Annotation) -> Json:
    return {"name": annotation.name, "colour": annotation.colour}


def _rows(rows: tuple[Row, ...]) -> list[Json]:
    written: list[Json] = []
    for number, thing, where in arrange(rows):
        if isinstance(thing, Panel):
            written[-1]["panels"].append(_panel(thing, number, where))
        else:
            written.append({"title": thing.title, "panels": []})
    return written


def _panel(panel: Panel, number: int, where: GridPosition) -> Json:
    return {
        "id": number,
        "kind": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "unit": panel.unit,
        "x": where.x,
        "y": where.y,
        "w": where.w,
        "h": where.h,
        "now": panel.now,
        "queries": len(panel.queries),
        "base": panel.base,
        "thresholds": [{"value": threshold.value, "colour": threshold.colour} for threshold in panel.thresholds],
        "words": _words(panel.words),
        "least": panel.least,
        "most": panel.most,
        "decimals": panel.decimals,
        "empty": panel.empty,
        "repeat": panel.repeat,
        "stacked": panel.stacked,
        "dashed": panel.kind == "timeseries" and bool(panel.thresholds),
        "graph": panel.graph,
        "named": panel.named,
        "key": panel.key,
        "columns": [_column(column) for column in panel.columns],
    }


def _column(column: Column) -> Json:
    """Of a label, or of the values of a query."""
    return {
        "heading": column.heading,
        "label": column.label or None,
        "query": None if column.label else column.query,
        "unit": column.unit,
        "words": _words(column.words),
    }


def _words(words: Iterable[ValueMapping]) -> list[Json]:
    return [{"value": word.value, "text": word.text, "colour": word.colour} for word in words]


def find_panel(dashboard: Dashboard, number: int) -> Panel | None:
    """The panel with this id."""
    found = (thing for each, thing, _ in arrange(dashboard.rows) if each == number)
    panel = next(found, None)
    return panel if isinstance(panel, Panel) else None
