"""The responses of one poll, serialised once a poll and not once a request."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.status import View, members, node, overview, replication
from health.checks import CHECKS, CheckState, Filters, check_state

NO_FILTERS = Filters()
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
class ResponseTable:
    """What was known at ``polled`` (monotonic clock), and the response of every path that needs no parsing."""

    view: View
    polled: float
    states: Mapping[str, CheckState]
    answers: Mapping[str, CachedResponse]
    overview: bytes
    nodes: Mapping[str, bytes] = field(repr=False)

    def check(self, check: str, filters: Filters, name: str | None = None) -> CachedResponse:
        """The response to a check with a query: of one node, or of the cluster."""
        limit = self.view.settings.health_lag
        if name is not None:
            passes = CHECKS[check].passes(self.states[name], filters, limit)
            return CachedResponse(_code(passes), self.nodes[name])
        passing = [n for n, node in self.states.items() if CHECKS[check].passes(node, filters, limit)]
        return CachedResponse(_code(bool(passing)), _head({"nodes": passing}))


def make_response_table(view: View, polled: float) -> ResponseTable:
    """Serialise every response."""
    states = {name: check_state(view, name) for name in view.topology.names}
    nodes = {name: _head(node(view, name)) for name in view.topology.names}
    whole = _head(overview(view))
    bare = ResponseTable(view, polled, states, {}, whole, nodes)
    return ResponseTable(view, polled, states, dict(_answers(bare)), whole, nodes)


def _answers(table: ResponseTable) -> Iterator[tuple[str, CachedResponse]]:
    view = table.view
    yield "/health", CachedResponse(_code(view.verdict.healthy), table.overview)
    yield "/cluster", CachedResponse(200, _head(members(view)))
    streams = replication(view)
    for check in CHECKS:
        yield f"/{check}", table.check(check, NO_FILTERS)
    for name, known in table.states.items():
        yield from _node_answers(table, name, known)
    yield "/health/replication", CachedResponse(_code(streams["healthy"]), _head(streams))
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


def _head(document: Mapping[str, Any]) -> bytes:
    """A JSON object without its closing brace."""
    return json.dumps(document).encode()[:-1]
