"""The responses of one poll, serialised once a poll and not once a request."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from cluster.alerts import AlertStatus
from cluster.documents import to_json
from cluster.pool_status import foremost
from cluster.status import ClusterStatus, cluster_status, member_list, replication_status
from cluster.view import View
from health.alert_text import AlertText
from health.checks import CHECKS, CheckState, Filters, PassingNodes, check_state
from health.history import Points
from health.page_text import PageText, page_text

NO_FILTERS = Filters()
EVENT_POOLS = 60
"""Pools in an event of the stream: those in trouble, then the busiest. Hundreds may listen, once a second."""
ROLES = ("primary", "master")
"""Names that mean a role under /health/, whatever the node is called."""


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """A status and a JSON object that lacks its end, where the age is put in."""

    status: int
    head: bytes

    def body(self, age: float) -> bytes:
        """The object with the age in seconds of what it says."""
        return b'%b, "age": %.3f}' % (self.head, age)


@dataclass(frozen=True, slots=True)
class Alive:
    """The answer of a service that polls."""

    alive: Literal[True] = True


@dataclass(frozen=True, slots=True)
class AlertsAnswer:
    """`/alerts`: what fires, the worst first."""

    alerts: tuple[AlertStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTable:
    """What was known at ``polled`` (monotonic clock), and the response of every path that needs no parsing."""

    view: View
    status: ClusterStatus
    text: PageText
    polled: float
    states: Mapping[str, CheckState]
    nodes: Mapping[str, bytes] = field(repr=False)
    event: CachedResponse = field(repr=False)
    """The overview, and the texts of the page as ``page``."""
    answers: Mapping[str, CachedResponse] = field(default_factory=dict, repr=False)

    def check(self, check: str, filters: Filters, name: str | None = None) -> CachedResponse:
        """The response to a check with a query: of one node, or of the cluster."""
        limit = self.view.settings.health_lag
        if name is not None:
            passes = CHECKS[check].passes(self.states[name], filters, limit)
            return CachedResponse(_code(passes), self.nodes[name])
        passing = tuple(n for n, node in self.states.items() if CHECKS[check].passes(node, filters, limit))
        return CachedResponse(_code(bool(passing)), head(PassingNodes(passing)))


def make_response_table(view: View, polled: float, points: Points, alerts: AlertText | None = None) -> ResponseTable:
    """Serialise every response."""
    status = cluster_status(view)
    text = page_text(status, points, view.snapshot.taken, alerts)
    page = b', "page": ' + json.dumps(to_json(text)).encode()
    table = ResponseTable(
        view=view,
        status=status,
        text=text,
        polled=polled,
        event=CachedResponse(200, head(replace(status, pools=foremost(status.pools, EVENT_POOLS))) + page),
        states={name: check_state(view, name) for name in view.topology.names},
        nodes={node.name: head(node) for node in status.nodes},
    )
    return replace(table, answers=dict(_answers(table)))


def _answers(table: ResponseTable) -> Iterator[tuple[str, CachedResponse]]:
    view = table.view
    yield "/health", CachedResponse(_code(view.verdict.healthy), head(table.status))
    yield "/cluster", CachedResponse(200, head(member_list(view)))
    streams = replication_status(view)
    for check in CHECKS:
        yield f"/{check}", table.check(check, NO_FILTERS)
    for name, known in table.states.items():
        yield from _node_answers(table, name, known)
    yield "/health/replication", CachedResponse(_code(streams.healthy), head(streams))
    for role in ROLES:
        yield f"/health/{role}", _role_answer(table)


def _node_answers(table: ResponseTable, name: str, known: CheckState) -> Iterator[tuple[str, CachedResponse]]:
    healthy = CachedResponse(_code(known.healthy), table.nodes[name])
    for path in (f"/health/{name}", f"/nodes/{name}", f"/nodes/{name}/health"):
        yield path, healthy
    yield f"/nodes/{name}/liveness", CachedResponse(_code(known.answers), table.nodes[name])
    for check in CHECKS:
        yield f"/nodes/{name}/{check}", table.check(check, NO_FILTERS, name)


def _role_answer(table: ResponseTable) -> CachedResponse:
    """Of the node that is the primary, else of the one that should be."""
    found = table.view.snapshot.primary
    name = found.name if found is not None and found.name in table.states else table.view.topology.primary
    return CachedResponse(_code(table.states[name].healthy), table.nodes[name])


def _code(passes: bool) -> int:
    return 200 if passes else 503


def head(answer: object) -> bytes:
    """A JSON object without its closing brace."""
    return json.dumps(to_json(answer)).encode()[:-1]
