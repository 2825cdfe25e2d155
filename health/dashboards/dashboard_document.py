"""The dashboards' part of the OpenAPI document: their routes, and what these answer."""

from dashboards.catalog import DASHBOARDS
from dashboards.interpolation import MOST_POINTS
from health.dashboards.panel_data import MOST_MARKS, MOST_SERIES
from health.dashboards.panel_parameters import MOST_VALUES
from health.json_schema import Schema, ref
from health.openapi_paths import TEXT, Responses, media, path_item, refusal, response

_NUMBER: Schema = {"type": "number"}
_INTEGER: Schema = {"type": "integer"}
_VALUE: Schema = {"anyOf": [_NUMBER, {"type": "null"}]}
_BOOLEAN: Schema = {"type": "boolean"}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema, **more: int) -> Schema:
    return {"type": "array", "items": items, **more}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_WORDS = _list(_object(value=_INTEGER, text=TEXT, colour=TEXT))
_COLUMN = _object(heading=TEXT, label=_or_null(TEXT), query=_or_null(_INTEGER), unit=TEXT, words=_WORDS)
_PANEL = _object(
    id=_INTEGER,
    kind={"enum": ["timeseries", "stat", "bargauge", "table", "state-timeline"]},
    title=TEXT,
    description=TEXT,
    unit={**TEXT, "description": "one of Grafana's unit ids"},
    x=_INTEGER,
    y=_INTEGER,
    w=_INTEGER,
    h=_INTEGER,
    now={**_BOOLEAN, "description": "whether its queries give values, else courses"},
    queries=_INTEGER,
    base={**TEXT, "description": "the colour below the first threshold"},
    thresholds=_list(_object(value=_NUMBER, colour=TEXT)),
    words=_WORDS,
    least=_VALUE,
    most=_VALUE,
    decimals=_or_null(_INTEGER),
    empty=TEXT,
    repeat={**TEXT, "description": "a variable: one such panel for each value"},
    stacked=_BOOLEAN,
    dashed=_BOOLEAN,
    graph=_BOOLEAN,
    named=_BOOLEAN,
    key={**TEXT, "description": "the label by which a table's queries are joined; empty: a line per series"},
    columns=_list(_COLUMN),
)
_SERIES = {"query": _INTEGER, "legend": TEXT, "labels": {"type": "object", "additionalProperties": TEXT}}
_NOTE: Schema = {**TEXT, "description": "what is not shown, and why"}
DASHBOARD_SCHEMAS: dict[str, Schema] = {
    "Dashboard": _object(
        uid=TEXT,
        title=TEXT,
        description=TEXT,
        pages=_list(_object(uid=TEXT, title=TEXT)),
        grafana=_or_null(TEXT),
        interval=_INTEGER,
        variables=_list(_object(name=TEXT, label=TEXT, description=TEXT, many=_BOOLEAN)),
        marks=_list(_object(name=TEXT, colour=TEXT)),
        rows=_list(_object(title=TEXT, panels=_list(_PANEL))),
    ),
    "Choices": {"type": "object", "additionalProperties": _list(TEXT)},
    "PanelCourse": _object(
        step=_INTEGER,
        times=_list(_INTEGER, maxItems=MOST_POINTS),
        series=_list(_object(**_SERIES, values=_list(_VALUE, maxItems=MOST_POINTS)), maxItems=MOST_SERIES),
        note=_NOTE,
    ),
    "PanelNow": _object(series=_list(_object(**_SERIES, value=_VALUE), maxItems=MOST_SERIES), note=_NOTE),
    "Marks": _list(_object(name=TEXT, title=TEXT, colour=TEXT, time=_INTEGER), maxItems=MOST_MARKS),
}

_UID: Schema = {
    "name": "uid",
    "in": "path",
    "required": True,
    "schema": {"enum": [dashboard.uid for dashboard in DASHBOARDS]},
}
_ID: Schema = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {**TEXT, "pattern": "^[1-9][0-9]{0,2}$"},
    "example": "2",
}


def _time(name: str, text: str) -> Schema:
    schema = {**TEXT, "pattern": r"^([0-9]{1,10}|now(-[1-9][0-9]?[smh])?)$"}
    return {"name": name, "in": "query", "description": text, "schema": schema, "example": "now"}


_TIMES = (
    _time("from", "a Unix time, or now-3h; three hours before the end where nothing is said"),
    _time("to", "a Unix time, or now"),
)
_POINTS: Schema = {
    "name": "points",
    "in": "query",
    "description": f"points of a series, at most; {MOST_POINTS} are sent where it is more",
    "schema": {"type": "integer", "minimum": 1, "maximum": 99999},
}


def _variables() -> tuple[Schema, ...]:
    """Those of every page; another page's are left out."""
    found = {variable.name: variable for dashboard in DASHBOARDS for variable in dashboard.variables}
    return tuple(
        {
            "name": f"var-{variable.name}",
            "in": "query",
            "description": "chosen values; all where there are none" if variable.many else "the chosen value",
            "schema": _list(TEXT, maxItems=MOST_VALUES if variable.many else 1),
            "explode": True,
        }
        for variable in found.values()
    )


def _known(schema: Schema) -> Responses:
    """From Prometheus."""
    return {
        "200": {"description": "what Prometheus knows", "content": media("application/json", schema)},
        "400": refusal("the query is malformed"),
        "404": refusal("there is no such page or panel, or nothing is measured"),
        "502": refusal("Prometheus cannot be reached, or refuses"),
        "503": refusal("too many want an answer at once, or nothing is known of the cluster"),
        "504": refusal("Prometheus did not answer in time"),
    }


def dashboard_paths() -> Schema:
    """The routes; each of them asks for the secret."""
    refused = {"404": refusal("there is no such page, or nothing is measured"), "503": refusal("nothing is known")}
    shell = {"200": {"description": "the page", "content": media("text/html", TEXT)}, **refused}
    chosen = (*_TIMES, *_variables())
    one = {"anyOf": [ref("PanelCourse"), ref("PanelNow")]}
    base = "/dashboards/{uid}"
    paths = {
        "/dashboards": path_item("dashboards", "The dashboards", shell),
        base: path_item("dashboard", "One page of them", shell, _UID),
        f"{base}/model": path_item(
            "dashboard_model", "What is drawn on it", {"200": response("the page", "Dashboard"), **refused}, _UID
        ),
        f"{base}/choices": path_item("dashboard_choices", "What can be chosen", _known(ref("Choices")), _UID, *chosen),
        f"{base}/marks": path_item("dashboard_marks", "What happened", _known(ref("Marks")), _UID, *chosen),
        f"{base}/panels/{{id}}": path_item(
            "dashboard_panel", "The series of one panel", _known(one), _UID, _ID, *chosen, _POINTS
        ),
    }
    for item in paths.values():
        for operation in item.values():
            operation["security"] = [{"bearer": []}, {"basic": []}]
    return paths
