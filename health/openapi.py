"""The OpenAPI document: every route, and every answer as its type says."""

from collections.abc import Sequence
from functools import cache

from cluster.backup_status import BackupSummary
from cluster.history import PrimaryChange
from cluster.http.hosts import Problem
from cluster.naming import FIRST_PRIMARY
from cluster.observed.primary_port import PortStatus
from cluster.status import (
    ClusterStatus,
    MemberList,
    MemberStatus,
    NodeStatus,
    PoolStatus,
    ReplicationStatus,
    SlotStatus,
)
from health.checks import CHECKS, PassingNodes
from health.history import Point, Points
from health.json_schema import Components, Schema, ref
from health.responses import Alive

COMPONENTS = Components(
    types={
        "Node": NodeStatus,
        "Pool": PoolStatus,
        "PrimaryPort": PortStatus,
        "Slot": SlotStatus,
        "Backup": BackupSummary,
        "PrimaryChange": PrimaryChange,
        "Member": MemberStatus,
        "Point": Point,
        "History": Points,
        "Problem": Problem,
    },
    aged={
        "NodeAnswer": NodeStatus,
        "Overview": ClusterStatus,
        "Replication": ReplicationStatus,
        "Cluster": MemberList,
        "Passing": PassingNodes,
        "Alive": Alive,
    },
)
TEXT: Schema = {"type": "string"}
Responses = dict[str, Schema]

_NODE_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {**TEXT, "pattern": "^[a-z][a-z0-9_]{0,30}$"},
    "example": FIRST_PRIMARY,
}
_FILTERS = [
    {
        "name": "lag",
        "in": "query",
        "description": "the most a replica may be behind, in bytes or with a unit",
        "schema": {**TEXT, "pattern": "^[0-9]{1,15}(B|kB|MB|GB|TB)?$"},
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
        "schema": {**TEXT, "pattern": "^[a-z ]{1,30}$"},
        "example": "streaming",
    },
]


def _media(kind: str, schema: Schema) -> Schema:
    return {kind: {"schema": schema}}


_PROBLEM = _media("application/problem+json", ref("Problem"))


def _refusal(text: str) -> Schema:
    return {"description": text, "content": _PROBLEM}


def _response(text: str, schema: str, *, also_problem: bool = False) -> Schema:
    content = _media("application/json", ref(schema))
    return {"description": text, "content": content | (_PROBLEM if also_problem else {})}


def _operation(name: str, text: str, responses: Responses, parameters: Sequence[Schema]) -> Schema:
    described = {"operationId": name, "summary": text, "responses": responses}
    return {**described, "parameters": parameters} if parameters else described


def _path(name: str, text: str, responses: Responses, *parameters: Schema, check: bool = False) -> Schema:
    """GET, and HEAD and OPTIONS with the same code and no body."""
    given = [*parameters, *(_FILTERS if check else [])]
    responses = {**responses, **({"400": _refusal("the query is malformed")} if check else {})}
    responses |= {"404": _refusal("there is no such node")} if parameters else {}
    responses |= {"401": _refusal("a secret is asked for"), "421": _refusal("not a name of this service")}
    bare = {code: {"description": response["description"]} for code, response in responses.items()}
    return {
        "get": _operation(name, text, responses, given),
        "head": _operation(f"{name}_head", text, bare, given),
        "options": _operation(f"{name}_options", text, bare, given),
    }


def _yes_or_no(schema: str, yes: str = "yes", no: str = "no; or nothing is known") -> Responses:
    return {"200": _response(yes, schema), "503": _response(no, schema, also_problem=True)}


def _known(schema: str) -> Responses:
    return {"200": _response("what is known", schema), "503": _refusal("nothing is known")}


def _paths() -> Schema:
    stream = {"200": {"description": "events", "content": _media("text/event-stream", TEXT)}}
    page = {"200": {"description": "the page", "content": _media("text/html", TEXT)}}
    paths = {
        "/": _path("page", "The page", page),
        "/health": _path("health", "The whole cluster", _yes_or_no("Overview", "healthy", "degraded")),
        "/health/primary": _path("health_primary", "The primary, whatever its name", _yes_or_no("NodeAnswer")),
        "/health/master": _path("health_master", "The same", _yes_or_no("NodeAnswer")),
        "/health/replication": _path("replication", "Lags and slots", _yes_or_no("Replication")),
        "/health/{name}": _path("health_node", "One node", _yes_or_no("NodeAnswer"), _NODE_NAME),
        "/cluster": _path("cluster", "Patroni's view of the members", _known("Cluster")),
        "/history": _path("history", "The last minutes", {"200": _response("points", "History")}),
        "/events": _path("events", "An overview after each look", stream),
        "/livez": _path("livez", "Whether this service looks", _known("Alive")),
        "/liveness": _path("liveness", "The same", _known("Alive")),
        "/readyz": _path("readyz", "Whether anything can be used", _yes_or_no("Passing")),
        "/openapi.json": _path("openapi", "This document", {"200": {"description": "JSON"}}),
        "/nodes/{name}": _path("node", "One node", _yes_or_no("NodeAnswer"), _NODE_NAME),
        "/nodes/{name}/health": _path("node_health", "The same", _yes_or_no("NodeAnswer"), _NODE_NAME),
        "/nodes/{name}/liveness": _path("node_live", "Whether it answers", _yes_or_no("NodeAnswer"), _NODE_NAME),
    }
    for check in CHECKS:
        text, each = f"Which nodes pass {check}", f"Whether the node passes {check}"
        paths[f"/{check}"] = _path(f"any_{check}", text, _yes_or_no("Passing"), check=True)
        paths[f"/nodes/{{name}}/{check}"] = _path(
            f"node_{check}", each, _yes_or_no("NodeAnswer"), _NODE_NAME, check=True
        )
    return paths


@cache
def document() -> Schema:
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
        "components": {"schemas": COMPONENTS.schemas(), "securitySchemes": schemes},
        "security": [{}, {"bearer": []}, {"basic": []}],
    }
