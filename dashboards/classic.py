"""A dashboard as Grafana's Classic JSON, the form that file provisioning takes.

schemaVersion 39 was seen to load unchanged on Grafana 12.3 and 13.1 (not here); the newer "v2" schema is refused by
file provisioning (grafana issues 122663, 123607, 126641). No ``id`` and no ``__inputs``: both break provisioning.
"""

import json

from dashboards.classic_panels import DATASOURCE, panel_json, position
from dashboards.layout import GridPosition, arrange
from dashboards.model import Annotation, Dashboard, Json, Panel, Row, Variable

SCHEMA_VERSION = 39
_OWN: Json = {"type": "grafana", "uid": "-- Grafana --"}
PROVISIONED_UID = "pods-prometheus"
"""uid of the data source in provisioning/datasources/."""
TAG = "pods"


def dashboard_text(dashboard: Dashboard) -> str:
    """The committed file's text."""
    return json.dumps(dashboard_json(dashboard), indent=1, ensure_ascii=False) + "\n"


def dashboard_json(dashboard: Dashboard) -> Json:
    """The whole page."""
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
            panel_json(thing, number, where) if isinstance(thing, Panel) else _row(thing, number, where)
            for number, thing, where in arrange(dashboard.rows)
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
        "gridPos": position(where),
        "panels": [],
    }
