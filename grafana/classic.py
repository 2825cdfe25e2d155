"""A dashboard as Grafana's Classic JSON, the form that file provisioning takes.

schemaVersion 39 was seen to load unchanged on Grafana 12.3 and 13.1 (not here); the newer "v2" schema is refused by
file provisioning (grafana issues 122663, 123607, 126641). No ``id`` and no ``__inputs``: both break provisioning.
"""

import json
from collections.abc import Iterable
from string import ascii_uppercase

from grafana.layout import GridPosition, arrange
from grafana.model import Annotation, Dashboard, Json, Panel, Query, Row, ValueMapping, Variable

SCHEMA_VERSION = 39
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
_OWN: Json = {"type": "grafana", "uid": "-- Grafana --"}
PROVISIONED_UID = "pods-prometheus"
"""uid of the data source in provisioning/datasources/."""
TAG = "pods"


def dashboard_text(dashboard: Dashboard) -> str:
    """The committed file's text."""
    return json.dumps(dashboard_json(dashboard), indent=1, ensure_ascii=False) + "\n"


def dashboard_json(dashboard: Dashboard) -> Json:
    """The whole page. Panel ids count up from 1 in reading order."""
    placed = enumerate(arrange(dashboard.rows), start=1)
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "links": [_links()],
        "annotations": {"list": [_built_in(), *map(_annotation, dashboard.annotations)]},
        "templating": {"list": [_datasource(), *map(_variable, dashboard.variables)]},
        "panels": [
            _panel(thing, number, where) if isinstance(thing, Panel) else _row(thing, number, where)
            for number, (thing, where) in placed
        ],
    }


def _links() -> Json:
    """The other pages, with the same choices and the same time."""
    return {
        "type": "dashboards",
        "title": "PODS",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _built_in() -> Json:
    return {
        "builtIn": 1,
        "datasource": _OWN,
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _annotation(annotation: Annotation) -> Json:
    return {
        "name": annotation.name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "expr": annotation.expr,
        "titleFormat": annotation.title,
        "iconColor": annotation.colour,
        "step": "60s",
        "useValueForTime": annotation.dated,
    }


def _datasource() -> Json:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "description": "The Prometheus that watches the cluster.",
        "query": "prometheus",
        "current": {"selected": False, "text": "PODS", "value": PROVISIONED_UID},
        "options": [],
        "includeAll": False,
        "multi": False,
        "refresh": 1,
        "regex": "",
        "hide": 0,
    }


def _variable(variable: Variable) -> Json:
    """``allValue`` null: "All" stands for the values there are, not for everything there ever was."""
    everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.label,
        "description": variable.description,
        "datasource": DATASOURCE,
        "definition": variable.query,
        "query": variable.query,
        "current": everything if variable.many else {},
        "options": [],
        "includeAll": variable.many,
        "allValue": None,
        "multi": variable.many,
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "hide": 0,
    }


def _row(row: Row, number: int, where: GridPosition) -> Json:
    return {
        "type": "row",
        "id": number,
        "title": row.title,
        "collapsed": False,
        "gridPos": _position(where),
        "panels": [],
    }


def _panel(panel: Panel, number: int, where: GridPosition) -> Json:
    written: Json = {
        "type": panel.kind,
        "id": number,
        "title": panel.title,
        "description": panel.description,
        "gridPos": _position(where),
        "datasource": DATASOURCE,
        "targets": [
            _target(query, letter, panel) for query, letter in zip(panel.queries, ascii_uppercase, strict=False)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": list(panel.overrides)},
        "options": dict(panel.options),
    }
    if panel.transformations:
        written["transformations"] = list(panel.transformations)
    if panel.repeat:
        written |= {"repeat": panel.repeat, "repeatDirection": "h", "maxPerRow": 3}
    return written


def _position(where: GridPosition) -> Json:
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
        "mappings": mappings(panel.words),
        "custom": dict(panel.style),
        **{name: value for name, value in limits.items() if value is not None},
    }


def _steps(panel: Panel) -> list[Json]:
    """The first has no value: it stands for everything below the second."""
    later = [{"color": threshold.colour, "value": threshold.value} for threshold in panel.thresholds]
    return [{"color": panel.base, "value": None}, *later]


def mappings(words: Iterable[ValueMapping]) -> list[Json]:
    """Values shown as words."""
    options = {
        str(word.value): {"index": index, "text": word.text, "color": word.colour} for index, word in enumerate(words)
    }
    return [{"type": "value", "options": options}] if options else []
