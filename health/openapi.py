"""The OpenAPI document: every route, and every answer as its type says."""

from functools import cache

from cluster.alerts import AlertStatus
from cluster.backup_status import BackupSummary
from cluster.history import PrimaryChange
from cluster.hosts.hosts_status import HostsStatus, HostStatus
from cluster.http.hosts import Problem
from cluster.insight.document import InsightDocument, StatementRow, StatementTable
from cluster.insight.findings import InsightFinding
from cluster.insight.report import BlockedSession, Wait
from cluster.insight.statement_document import StatementDocument, StatementEntry, StatementText
from cluster.insight.statement_history import HistoryGap, NodeCoverage
from cluster.insight.statements import StatementWork
from cluster.naming import FIRST_PRIMARY
from cluster.observed.primary_port import PortStatus
from cluster.pool_status import PoolStatus
from cluster.status import (
    ClusterStatus,
    MemberList,
    MemberStatus,
    NodeStatus,
    ReplicationStatus,
    SlotStatus,
)
from health.checks import CHECKS, PassingNodes
from health.dashboards.dashboard_document import DASHBOARD_SCHEMAS, dashboard_paths
from health.history import Point, Points
from health.insight.span_query import LONGEST_DATABASE, MOMENT
from health.json_schema import Components, Schema
from health.openapi_paths import TEXT, Responses, media, path_item, refusal, response
from health.responses import AlertsAnswer, Alive

COMPONENTS = Components(
    types={
        "Node": NodeStatus,
        "Pool": PoolStatus,
        "PrimaryPort": PortStatus,
        "Host": HostStatus,
        "Hosts": HostsStatus,
        "Slot": SlotStatus,
        "Backup": BackupSummary,
        "PrimaryChange": PrimaryChange,
        "Member": MemberStatus,
        "Alert": AlertStatus,
        "Point": Point,
        "History": Points,
        "StatementWork": StatementWork,
        "StatementEntry": StatementEntry,
        "StatementText": StatementText,
        "HistoryGap": HistoryGap,
        "NodeCoverage": NodeCoverage,
        "Statements": StatementDocument,
        "Finding": InsightFinding,
        "Wait": Wait,
        "BlockedSession": BlockedSession,
        "StatementRow": StatementRow,
        "StatementTable": StatementTable,
        "Insight": InsightDocument,
        "Problem": Problem,
    },
    aged={
        "NodeAnswer": NodeStatus,
        "Overview": ClusterStatus,
        "Replication": ReplicationStatus,
        "Cluster": MemberList,
        "Passing": PassingNodes,
        "Alive": Alive,
        "Alerts": AlertsAnswer,
    },
)
_NODE_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {**TEXT, "pattern": "^[a-z][a-z0-9_]{0,30}$"},
    "example": FIRST_PRIMARY,
}


def _yes_or_no(schema: str, yes: str = "yes", no: str = "no; or nothing is known") -> Responses:
    return {"200": response(yes, schema), "503": response(no, schema, also_problem=True)}


def _known(schema: str) -> Responses:
    return {"200": response("what is known", schema), "503": refusal("nothing is known")}


_DATABASE: Schema = {**TEXT, "maxLength": LONGEST_DATABASE}


def _statements() -> Schema:
    moment = {**TEXT, "pattern": MOMENT}
    text = "Unix seconds, or seconds ago"
    given = [
        {"name": "since", "in": "query", "description": text, "schema": moment, "example": "3600"},
        {"name": "until", "in": "query", "description": text, "schema": moment, "example": "0"},
        {"name": "database", "in": "query", "description": "of one alone", "schema": _DATABASE},
    ]
    responses = {"200": response("by statement and node", "Statements"), "400": refusal("the query is malformed")}
    return path_item(
        "statements", "What statements did in a span, and before; always asks for the secret", responses, *given
    )


def _insight() -> Schema:
    since = "15m, 1h, 2d, yesterday, or an ISO moment (UTC)"
    given = [
        {"name": "since", "in": "query", "description": since, "schema": {**TEXT, "maxLength": 200}, "example": "1h"},
        {"name": "database", "in": "query", "description": "of one alone", "schema": _DATABASE},
    ]
    responses = {
        "200": response("what `inv insight --json` prints", "Insight"),
        "400": refusal("the query is malformed"),
        "503": refusal("too many other reports are being made"),
    }
    return path_item("insight", "What hurts now; always asks for the secret", responses, *given)


def _paths() -> Schema:
    stream = {"200": {"description": "events", "content": media("text/event-stream", TEXT)}}
    page = {"200": {"description": "the page", "content": media("text/html", TEXT)}}
    paths = {
        "/": path_item("page", "The page", page),
        "/health": path_item("health", "The whole cluster", _yes_or_no("Overview", "healthy", "degraded")),
        "/health/primary": path_item("health_primary", "The primary, whatever its name", _yes_or_no("NodeAnswer")),
        "/health/master": path_item("health_master", "The same", _yes_or_no("NodeAnswer")),
        "/health/replication": path_item("replication", "Lags and slots", _yes_or_no("Replication")),
        "/health/{name}": path_item("health_node", "One node", _yes_or_no("NodeAnswer"), _NODE_NAME),
        "/cluster": path_item("cluster", "Patroni's view of the members", _known("Cluster")),
        "/history": path_item("history", "The last minutes", {"200": response("points", "History")}),
        "/insight": path_item("insight_page", "The page of insight; always asks for the secret", page),
        "/insight/report": _insight(),
        "/insight/statements": _statements(),
        "/alerts": path_item("alerts", "What fires", _known("Alerts")),
        "/events": path_item("events", "An overview after each look", stream),
        "/livez": path_item("livez", "Whether this service looks", _known("Alive")),
        "/liveness": path_item("liveness", "The same", _known("Alive")),
        "/readyz": path_item("readyz", "Whether anything can be used", _yes_or_no("Passing")),
        "/openapi.json": path_item("openapi", "This document", {"200": {"description": "JSON"}}),
        "/nodes/{name}": path_item("node", "One node", _yes_or_no("NodeAnswer"), _NODE_NAME),
        "/nodes/{name}/health": path_item("node_health", "The same", _yes_or_no("NodeAnswer"), _NODE_NAME),
        "/nodes/{name}/liveness": path_item("node_live", "Whether it answers", _yes_or_no("NodeAnswer"), _NODE_NAME),
    }
    for check in CHECKS:
        text, each = f"Which nodes pass {check}", f"Whether the node passes {check}"
        paths[f"/{check}"] = path_item(f"any_{check}", text, _yes_or_no("Passing"), check=True)
        paths[f"/nodes/{{name}}/{check}"] = path_item(
            f"node_{check}", each, _yes_or_no("NodeAnswer"), _NODE_NAME, check=True
        )
    return paths | dashboard_paths()


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
        "components": {"schemas": COMPONENTS.schemas() | DASHBOARD_SCHEMAS, "securitySchemes": schemes},
        "security": [{}, {"bearer": []}, {"basic": []}],
    }
