"""The routes that are no plain lookup: checks with a query, the page, streams, and every refusal."""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from cluster.documents import to_json
from health import openapi, page
from health.checks import CHECKS, Filters, parse_filters
from health.events import Events
from health.problem_details import ProblemDetails
from health.responses import AlertsAnswer, Alive, CachedResponse, ResponseTable, head
from health.watcher import TOO_OLD, ClusterWatcher

METHODS = ("GET", "HEAD", "OPTIONS")


class Routes:
    """The routes that are no plain lookup."""

    def __init__(self, watcher: ClusterWatcher) -> None:
        self.watcher = watcher
        self.events = Events(watcher)

    def fresh(self) -> ResponseTable:
        """The responses of the latest poll.

        Raises:
            ProblemDetails: 503, there is none, or it is too old to count as knowledge.
        """
        table, age = self.watcher.latest, self.watcher.age
        if table is None:
            raise ProblemDetails(503, f"nothing is known of the cluster: {self.watcher.error}")
        if age > TOO_OLD:
            why = self.watcher.error or "the look under way does not end"
            raise ProblemDetails(503, f"what is known of the cluster is {age:.0f} s old: {why}")
        return table

    async def cached(self, request: Request) -> Response:
        """A cached response; also the refusal where there is none."""
        return _response(request, _found(self.fresh(), request.url.path, request), self.watcher.age)

    async def check(self, request: Request) -> Response:
        """A check of load balancers, perhaps with a query."""
        table, check, name = self.fresh(), request.path_params["check"], request.path_params.get("name")
        answer = _found(table, request.url.path, request)
        if check in CHECKS and request.query_params:
            answer = table.check(check, _filters(request), name)
        return _response(request, answer, self.watcher.age)

    async def ready(self, request: Request) -> Response:
        """`/readyz`: whether the cluster takes writes."""
        return _response(request, self.fresh().answers["/readiness"], self.watcher.age)

    async def alive(self, request: Request) -> Response:
        """`/livez`, `/liveness`: whether this service polls."""
        self.fresh()
        return _response(request, CachedResponse(200, head(Alive())), self.watcher.age)

    async def history(self, _: Request) -> Response:
        """The last minutes."""
        return JSONResponse(to_json(self.watcher.history.points), headers={"Cache-Control": "no-store"})

    async def alerts(self, request: Request) -> Response:
        """What fires."""
        now = time.monotonic()
        reading = self.watcher.alerts.latest.aged(now)
        if reading.error:
            raise ProblemDetails(503, f"nothing is known of alerts: {reading.error}")
        return _response(request, CachedResponse(200, head(AlertsAnswer(reading.alerts))), now - reading.taken)

    async def stream(self, request: Request) -> Response:
        """Server-sent events."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.method != "GET":
            return Response(b"", 200, headers, "text/event-stream")
        listener = self.events.admit(request.client.host if request.client else "")
        return StreamingResponse(self.events.stream(listener), media_type="text/event-stream", headers=headers)

    async def document(self, _: Request) -> Response:
        """The OpenAPI document."""
        return JSONResponse(openapi.document())

    async def page(self, _: Request) -> Response:
        """The page; also while nothing is known."""
        table = self.watcher.latest if self.watcher.age <= TOO_OLD else None
        return page.response(table, self.watcher.error)

    async def asset(self, request: Request) -> Response:
        """What the page loads."""
        return page.asset(request.path_params["name"])


def _found(table: ResponseTable, path: str, request: Request) -> CachedResponse:
    answer = table.answers.get(path)
    if answer is not None:
        return answer
    name = request.path_params.get("name")
    if name is not None and name not in table.states:
        raise ProblemDetails(404, f"there is no node {name[:40]!r}; there are {', '.join(table.states)}")
    raise ProblemDetails(404, f"there is nothing at {path[:80]!r}; /openapi.json says what there is")


def _filters(request: Request) -> Filters:
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    if len(set(names)) != len(names):
        raise ProblemDetails(400, "a parameter is there twice")
    try:
        return parse_filters(dict(given))
    except ValueError as error:
        raise ProblemDetails(400, str(error)) from None


def _response(request: Request, answer: CachedResponse, age: float) -> Response:
    body = b"" if request.method == "OPTIONS" else answer.body(age)
    return Response(body, answer.status, {"Cache-Control": "no-store"}, "application/json")
