"""The OpenAPI document: every route and every answer of the service, as data."""

from typing import Any

from cluster.naming import FIRST_PRIMARY
from health.checks import WORDS

_NULL = {"type": "null"}
_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_NUMBER = {"type": "number"}
_FLAG = {"type": "boolean"}
_TEXTS = {"type": "array", "items": _TEXT}


def _or_null(kind: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [kind, _NULL]}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _many(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


_BYTES, _SECONDS = _or_null({**_WHOLE, "description": "bytes"}), _or_null({**_NUMBER, "description": "seconds"})
_TAKEN = {**_NUMBER, "description": "Unix time of the look"}
_AGE = {**_NUMBER, "minimum": 0, "description": "seconds since the look"}
_ROLE = {"enum": ["primary", "replica"]}

_NODE = {
    "name": _TEXT,
    "role": _ROLE,
    "wanted_role": _ROLE,
    "member": _FLAG,
    "state": _TEXT,
    "healthy": _FLAG,
    "reasons": _TEXTS,
    "port": _WHOLE,
    "timeline": _or_null(_WHOLE),
    "lsn": _or_null(_TEXT),
    "received_lsn": _or_null(_TEXT),
    "lag_bytes": _BYTES,
    "lag_seconds": _SECONDS,
    "sync": _or_null(_TEXT),
    "slot": _or_null(_TEXT),
    "wal_status": _or_null(_TEXT),
    "retained_bytes": _BYTES,
    "io_method": _or_null(_TEXT),
    "uptime": _SECONDS,
    "connections": _or_null(_WHOLE),
    "pending_restart": _TEXTS,
    "error": _TEXT,
}
_POOL = {
    "name": _TEXT,
    "target": _TEXTS,
    "clients": _or_null(_WHOLE),
    "waiting": _or_null(_WHOLE),
    "max_wait": _SECONDS,
    "servers_active": _or_null(_WHOLE),
    "servers_idle": _or_null(_WHOLE),
    "size": _or_null(_WHOLE),
    "paused": _or_null(_FLAG),
}
_SLOT = {
    "name": _TEXT,
    "node": _or_null(_TEXT),
    "active": _FLAG,
    "wal_status": _or_null(_TEXT),
    "safe_wal_size": _BYTES,
    "invalidation_reason": _or_null(_TEXT),
    "inactive_seconds": _SECONDS,
    "retained_bytes": _BYTES,
}
_MEMBER = {
    "name": _TEXT,
    "role": {"enum": ["leader", "replica", "sync_standby", "quorum_standby"]},
    "state": _TEXT,
    "host": _TEXT,
    "port": _WHOLE,
    "timeline": _or_null(_WHOLE),
}
_SCHEMAS: dict[str, Any] = {
    "Node": _object(**_NODE),
    "NodeAnswer": _object(**_NODE, age=_AGE),
    "Pool": _object(**_POOL),
    "Slot": _object(**_SLOT),
    "Backup": _object(last_success=_or_null(_NUMBER), last_backup=_or_null(_TEXT), archive_lag_seconds=_SECONDS),
    "Overview": _object(
        project=_TEXT,
        status={"enum": ["healthy", "degraded"]},
        healthy=_FLAG,
        reasons=_TEXTS,
        notes=_TEXTS,
        primary=_or_null(_TEXT),
        nodes=_many("Node"),
        pools=_many("Pool"),
        slots=_many("Slot"),
        backup=_or_null(_ref("Backup")),
        taken=_TAKEN,
        age=_AGE,
    ),
    "Replication": _object(
        healthy=_FLAG,
        primary=_or_null(_TEXT),
        written=_or_null(_TEXT),
        replicas=_many("Node"),
        slots=_many("Slot"),
        taken=_TAKEN,
        age=_AGE,
    ),
    "Member": {
        **_object(**_MEMBER),
        "properties": {**_MEMBER, "lag": {"anyOf": [_WHOLE, {"const": "unknown"}]}},
    },
    "Cluster": _object(scope=_TEXT, members=_many("Member"), taken=_TAKEN, age=_AGE),
    "Passing": _object(nodes=_TEXTS, age=_AGE),
    "Alive": _object(alive={"const": True}, age=_AGE),
    "Point": _object(
        taken=_NUMBER,
        written=_BYTES,
        lag={"type": "object", "additionalProperties": _BYTES},
        healthy=_FLAG,
    ),
    "History": _object(points=_many("Point")),
    "Problem": _object(type=_TEXT, title=_TEXT, status=_WHOLE, detail=_TEXT),
}

_NODE_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {**_TEXT, "pattern": "^[a-z][a-z0-9_]{0,30}$"},
    "example": FIRST_PRIMARY,
}
_FILTERS = [
    {
        "name": "lag",
        "in": "query",
        "description": "the most a replica may be behind, in bytes or with a unit",
        "schema": {**_TEXT, "pattern": "^[0-9]{1,15}(B|kB|MB|GB|TB)?$"},
        "example": "10MB",
    },
    {
        "name": "mode",
        "in": "query",
        "description": "lag of what was replayed (apply) or of what was received (write)",
        "schema": {"enum": ["apply", "write"]},
    },
    {
        "name": "replication_state",
        "in": "query",
        "description": "the state of its WAL receiver",
        "schema": {**_TEXT, "pattern": "^[a-z ]{1,30}$"},
        "example": "streaming",
    },
]


def _media(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {kind: {"schema": schema}}


_PROBLEM = _media("application/problem+json", _ref("Problem"))


def _refusal(text: str) -> dict[str, Any]:
    return {"description": text, "content": _PROBLEM}


def _told(text: str, schema: str, *, also_problem: bool = False) -> dict[str, Any]:
    content = _media("application/json", _ref(schema))
    return {"description": text, "content": content | (_PROBLEM if also_problem else {})}


def _operation(name: str, text: str, responses: dict[str, Any], parameters: list[Any]) -> dict[str, Any]:
    described = {"operationId": name, "summary": text, "responses": responses}
    return {**described, "parameters": parameters} if parameters else described


def _path(name: str, text: str, responses: dict[str, Any], *parameters: Any, check: bool = False) -> dict[str, Any]:
    """GET, and HEAD and OPTIONS with the same code and no body."""
    given = [*parameters, *(_FILTERS if check else [])]
    responses = {**responses, **({"400": _refusal("the query is malformed")} if check else {})}
    responses |= {"404": _refusal("there is no such node")} if parameters else {}
    responses |= {"401": _refusal("a secret is asked for")}
    bare = {code: {"description": response["description"]} for code, response in responses.items()}
    return {
        "get": _operation(name, text, responses, given),
        "head": _operation(f"{name}_head", text, bare, given),
        "options": _operation(f"{name}_options", text, bare, given),
    }


def _yes_or_no(schema: str, yes: str = "yes", no: str = "no; or nothing is known") -> dict[str, Any]:
    return {"200": _told(yes, schema), "503": _told(no, schema, also_problem=True)}


def _known(schema: str) -> dict[str, Any]:
    return {"200": _told("what is known", schema), "503": _refusal("nothing is known")}


def _paths() -> dict[str, Any]:
    stream = {"200": {"description": "events", "content": _media("text/event-stream", _TEXT)}}
    page = {"200": {"description": "the page", "content": _media("text/html", _TEXT)}}
    paths = {
        "/": _path("page", "The page", page),
        "/health": _path("health", "The whole cluster", _yes_or_no("Overview", "healthy", "degraded")),
        "/health/primary": _path("health_primary", "The primary, whatever its name", _yes_or_no("NodeAnswer")),
        "/health/master": _path("health_master", "The same", _yes_or_no("NodeAnswer")),
        "/health/replication": _path("replication", "Lags and slots", _yes_or_no("Replication")),
        "/health/{name}": _path("health_node", "One node", _yes_or_no("NodeAnswer"), _NODE_NAME),
        "/cluster": _path("cluster", "Patroni's view of the members", _known("Cluster")),
        "/history": _path("history", "The last minutes", {"200": _told("points", "History")}),
        "/events": _path("events", "An overview after each look", stream | {"503": _refusal("too many listen")}),
        "/livez": _path("livez", "Whether this service looks", _known("Alive")),
        "/liveness": _path("liveness", "The same", _known("Alive")),
        "/readyz": _path("readyz", "Whether anything can be used", _yes_or_no("Passing")),
        "/openapi.json": _path("openapi", "This document", {"200": {"description": "JSON"}}),
        "/nodes/{name}": _path("node", "One node", _yes_or_no("NodeAnswer"), _NODE_NAME),
        "/nodes/{name}/health": _path("node_health", "The same", _yes_or_no("NodeAnswer"), _NODE_NAME),
        "/nodes/{name}/liveness": _path("node_live", "Whether it answers", _yes_or_no("NodeAnswer"), _NODE_NAME),
    }
    for word in WORDS:
        text, each = f"Which nodes pass {word}", f"Whether the node passes {word}"
        paths[f"/{word}"] = _path(f"any_{word}", text, _yes_or_no("Passing"), check=True)
        paths[f"/nodes/{{name}}/{word}"] = _path(f"node_{word}", each, _yes_or_no("NodeAnswer"), _NODE_NAME, check=True)
    return paths


def document() -> dict[str, Any]:
    """The document."""
    schemes = {"bearer": {"type": "http", "scheme": "bearer"}, "basic": {"type": "http", "scheme": "basic"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "PODS health service",
            "version": "1",
            "description": "Sizes are bytes, durations seconds. Nothing here changes anything.",
        },
        "paths": _paths(),
        "components": {"schemas": _SCHEMAS, "securitySchemes": schemes},
        "security": [{}, {"bearer": []}, {"basic": []}],
    }
