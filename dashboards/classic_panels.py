"""A panel as Grafana's Classic JSON: what our few kinds and columns are in Grafana's options and transformations."""

from collections.abc import Callable, Iterable, Mapping
from string import ascii_uppercase

from dashboards.layout import GridPosition
from dashboards.model import Column, Json, Kind, Panel, Query, ValueMapping

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
_LINE: Json = {
    "drawStyle": "line",
    "lineInterpolation": "linear",
    "lineWidth": 1,
    "fillOpacity": 8,
    "gradientMode": "none",
    "showPoints": "auto",
    "pointSize": 4,
    "spanNulls": False,
    "axisPlacement": "auto",
    "axisLabel": "",
    "scaleDistribution": {"type": "linear"},
}
_CELL: Json = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False}
_LATEST: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def panel_json(panel: Panel, number: int, where: GridPosition) -> Json:
    """The panel with its id and its position."""
    written: Json = {
        "type": panel.kind,
        "id": number,
        "title": panel.title,
        "description": panel.description,
        "gridPos": position(where),
        "datasource": DATASOURCE,
        "targets": [
            _target(query, letter, panel) for query, letter in zip(panel.queries, ascii_uppercase, strict=False)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel.columns)},
        "options": _OPTIONS[panel.kind](panel),
    }
    if panel.columns:
        written["transformations"] = _transformations(panel)
    if panel.repeat:
        written |= {"repeat": panel.repeat, "repeatDirection": "h", "maxPerRow": 3}
    return written


def position(where: GridPosition) -> Json:
    """Where a panel or a row's title is."""
    return {"x": where.x, "y": where.y, "w": where.w, "h": where.h}


def _target(query: Query, letter: str, panel: Panel) -> Json:
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "format": "table" if panel.kind == "table" else "time_series",
        "instant": query.now,
        "range": not query.now,
    }


def _defaults(panel: Panel) -> Json:
    limits = {"min": panel.least, "max": panel.most, "decimals": panel.decimals, "noValue": panel.empty or None}
    return {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if panel.kind != "timeseries" else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": _steps(panel)},
        "mappings": _mappings(panel.words),
        "custom": _custom(panel),
        **{name: value for name, value in limits.items() if value is not None},
    }


def _steps(panel: Panel) -> list[Json]:
    """The first has no value: it stands for everything below the second."""
    later = [{"color": threshold.colour, "value": threshold.value} for threshold in panel.thresholds]
    return [{"color": panel.base, "value": None}, *later]


def _mappings(words: Iterable[ValueMapping]) -> list[Json]:
    options = {
        str(word.value): {"index": index, "text": word.text, "color": word.colour} for index, word in enumerate(words)
    }
    return [{"type": "value", "options": options}] if options else []


def _custom(panel: Panel) -> Json:
    match panel.kind:
        case "timeseries":
            return {
                **_LINE,
                "fillOpacity": 30 if panel.stacked else 8,
                "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
                "thresholdsStyle": {"mode": "dashed" if panel.thresholds else "off"},
            }
        case "state-timeline":
            return {"fillOpacity": 70, "lineWidth": 0}
        case "table":
            return _CELL
    return {}


def _lines(_: Panel) -> Json:
    legend = {"showLegend": True, "displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _figure(panel: Panel) -> Json:
    return {
        "reduceOptions": _LATEST,
        "colorMode": "background" if panel.words else "value",
        "graphMode": "area" if panel.graph else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "name" if panel.named else "auto",
        "wideLayout": True,
    }


def _bars(_: Panel) -> Json:
    return {
        "reduceOptions": _LATEST,
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "auto",
        "sizing": "auto",
        "minVizHeight": 16,
        "minVizWidth": 8,
    }


def _states(_: Panel) -> Json:
    return {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.85,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single", "sort": "none"},
    }


def _table(_: Panel) -> Json:
    return {"showHeader": True, "cellHeight": "sm"}


_OPTIONS: Mapping[Kind, Callable[[Panel], Json]] = {
    "timeseries": _lines,
    "stat": _figure,
    "bargauge": _bars,
    "state-timeline": _states,
    "table": _table,
}


def _transformations(panel: Panel) -> list[Json]:
    """Joined where there are values; then only these fields, in this order, under these headings."""
    headings = {_field(column): column.heading for column in panel.columns}
    order = {field: index for index, field in enumerate(headings)}
    arranged: list[Json] = [
        {"id": "filterFieldsByName", "options": {"include": {"names": list(headings)}}},
        {"id": "organize", "options": {"excludeByName": {}, "indexByName": order, "renameByName": headings}},
    ]
    if panel.key:
        arranged.insert(0, {"id": "joinByField", "options": {"byField": panel.key, "mode": "outer"}})
    return arranged


def _field(column: Column) -> str:
    return column.label or f"Value #{ascii_uppercase[column.query]}"


def _overrides(columns: Iterable[Column]) -> list[Json]:
    return [
        {"matcher": {"id": "byName", "options": column.heading}, "properties": _properties(column)}
        for column in columns
        if not column.label
    ]


def _properties(column: Column) -> list[Json]:
    properties: list[Json] = [{"id": "unit", "value": column.unit}]
    if column.words:
        properties += [
            {"id": "mappings", "value": _mappings(column.words)},
            {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        ]
    return properties
