"""The service as an ASGI application: the responses of the latest poll.

Checks of load balancers come by the thousand: they are found in a dictionary before any routing. All else, and all that
goes wrong, goes through Starlette.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from health.auth import Authentication
from health.dashboards.dashboard_routes import DashboardRoutes
from health.dashboards.prometheus import Prometheus
from health.insight.insight_reports import InsightReports
from health.insight.insight_routes import PAGE, REPORT, InsightRoutes
from health.insight.statement_recorder import StatementRecorder
from health.insight.statement_routes import PATH, StatementRoutes
from health.problem_details import ProblemDetails, problem_response
from health.responses import CachedResponse
from health.routes import METHODS, Routes
from health.watcher import TOO_OLD, ClusterWatcher

_ALLOW = ", ".join(METHODS)
_NO_STORE = (b"cache-control", b"no-store")
_JSON = (b"content-type", b"application/json")


class HealthService:
    """What uvicorn calls: authentication, then the cached responses, then the routes."""

    def __init__(
        self,
        watcher: ClusterWatcher,
        authentication: Authentication,
        recorder: StatementRecorder | None = None,
        reports: InsightReports | None = None,
        *,
        prometheus: Prometheus | None = None,
    ) -> None:
        self._watcher, self._authentication = watcher, authentication
        self._routes: ASGIApp = _routes(watcher, recorder, reports, DashboardRoutes(watcher.config, prometheus))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self._routes(scope, receive, send)
        try:
            self._authentication.check(scope)
        except ProblemDetails as problem:
            return await problem_response(problem)(scope, receive, send)
        age = self._watcher.age
        answer = self._cached(scope, age)
        if answer is None:
            return await self._routes(scope, receive, send)
        await _send_cached(scope, send, answer, age)

    def _cached(self, scope: Scope, age: float) -> CachedResponse | None:
        table = self._watcher.latest
        if table is None or age > TOO_OLD or scope["query_string"] or scope["method"] not in METHODS:
            return None
        return table.answers.get(scope["path"])


async def _send_cached(scope: Scope, send: Send, answer: CachedResponse, age: float) -> None:
    body = answer.body(age) if scope["method"] != "OPTIONS" else b""
    headers = [_JSON, _NO_STORE, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemDetails)
    return problem_response(error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return problem_response(ProblemDetails(405, f"use {_ALLOW}: this service only tells", (("Allow", _ALLOW),)))
    return problem_response(ProblemDetails(error.status_code, f"there is nothing at {request.url.path[:80]!r}"))


async def _on_bug(_: Request, __: Exception) -> Response:
    return problem_response(ProblemDetails(500, "an error of PODS itself; its log says more"))


def _routes(
    watcher: ClusterWatcher,
    recorder: StatementRecorder | None,
    reports: InsightReports | None,
    dashboards: DashboardRoutes,
) -> Starlette:
    handlers = Routes(watcher)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        watcher.broadcast.bind()
        watcher.start()
        if recorder is not None:
            recorder.start()
        yield
        watcher.stop()
        if recorder is not None:
            recorder.stop()

    paths = _paths(handlers, dashboards)
    if recorder is not None:
        paths = {PATH: StatementRoutes(recorder).statements, **paths}
    if reports is not None:
        insight = InsightRoutes(watcher, reports)
        paths = {PAGE: insight.page, REPORT: insight.report, **paths}
    routes = [Route(path, handler, methods=METHODS) for path, handler in paths.items()]
    errors = {ProblemDetails: _on_problem, HTTPException: _on_http, Exception: _on_bug}
    application = Starlette(routes=routes, exception_handlers=errors, lifespan=lifespan)
    application.router.redirect_slashes = False
    return application


def _paths(handlers: Routes, dashboards: DashboardRoutes) -> dict[str, Callable[[Request], Awaitable[Response]]]:
    return {
        "/": handlers.page,
        "/page/{name:path}": handlers.asset,
        "/dashboards": dashboards.shell,
        "/dashboards/{uid}": dashboards.shell,
        "/dashboards/{uid}/model": dashboards.model,
        "/dashboards/{uid}/choices": dashboards.choices,
        "/dashboards/{uid}/marks": dashboards.marks,
        "/dashboards/{uid}/panels/{id}": dashboards.panel,
        "/events": handlers.stream,
        "/history": handlers.history,
        "/alerts": handlers.alerts,
        "/openapi.json": handlers.document,
        "/livez": handlers.alive,
        "/liveness": handlers.alive,
        "/readyz": handlers.ready,
        "/health": handlers.cached,
        "/cluster": handlers.cached,
        "/health/{name}": handlers.cached,
        "/nodes/{name}": handlers.cached,
        "/nodes/{name}/{check}": handlers.check,
        "/{check}": handlers.check,
    }
