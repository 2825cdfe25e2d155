"""One look at the cluster made ready to be told: answers are written once a look, not once a request."""

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
    """What is known since one moment of the monotonic clock, and the answer of every path that needs no parsing."""

    view: View
    looked: float
    states: Mapping[str, CheckState]
    answers: Mapping[str, CachedResponse]
    overview: bytes
    nodes: Mapping[str, bytes] = field(repr=False)

    def check(self, word: str, filters: Filters, name: str | None = None) -> CachedResponse:
        """The answer to a word with a query: of one node, or of the cluster."""
        limit = self.view.settings.health_lag
        if name is not None:
            lets = CHECKS[word].lets(self.states[name], filters, limit)
            return CachedResponse(_code(lets), self.nodes[name])
        passing = [n for n, node in self.states.items() if CHECKS[word].lets(node, filters, limit)]
        return CachedResponse(_code(bool(passing)), _head({"nodes": passing}))


def make_board(view: View, looked: float) -> ResponseTable:
    """Write down every answer."""
    states = {name: check_state(view, name) for name in view.topology.names}
    nodes = {name: _head(node(view, name)) for name in view.topology.names}
    told = _head(overview(view))
    bare = ResponseTable(view, looked, states, {}, told, nodes)
    return ResponseTable(view, looked, states, dict(_answers(bare)), told, nodes)


def _answers(board: ResponseTable) -> Iterator[tuple[str, CachedResponse]]:
    view = board.view
    yield "/health", CachedResponse(_code(view.verdict.healthy), board.overview)
    yield "/cluster", CachedResponse(200, _head(members(view)))
    streams = replication(view)
    for word in CHECKS:
        yield f"/{word}", board.check(word, NO_FILTERS)
    for name, known in board.states.items():
        yield from _node_answers(board, name, known)
    yield "/health/replication", CachedResponse(_code(streams["healthy"]), _head(streams))
    for role in ROLES:
        yield f"/health/{role}", _role_answer(board)


def _node_answers(board: ResponseTable, name: str, known: CheckState) -> Iterator[tuple[str, CachedResponse]]:
    healthy = CachedResponse(_code(known.healthy), board.nodes[name])
    for path in (f"/health/{name}", f"/nodes/{name}", f"/nodes/{name}/health"):
        yield path, healthy
    yield f"/nodes/{name}/liveness", CachedResponse(_code(known.answers), board.nodes[name])
    for word in CHECKS:
        yield f"/nodes/{name}/{word}", board.check(word, NO_FILTERS, name)


def _role_answer(board: ResponseTable) -> CachedResponse:
    """Of the primary there is, else of the one there shall be."""
    found = board.view.snapshot.primary
    name = found.name if found is not None and found.name in board.states else board.view.topology.primary
    return CachedResponse(_code(board.states[name].healthy), board.nodes[name])


def _code(well: bool) -> int:
    return 200 if well else 503


def _head(told: Mapping[str, Any]) -> bytes:
    """A JSON object without its closing brace."""
    return json.dumps(told).encode()[:-1]
