"""The routes of the built-in dashboards. The browser names page, panel, values and times, and never sends a query."""

import json
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.errors import PodsError
from cluster.http.pages import EVERYWHERE, pages
from cluster.services import optional_services
from cluster.single_flight import SingleFlight
from cluster.waiting import Clock
from dashboards.browser import find_panel, model_json
from dashboards.catalog import DASHBOARDS
from dashboards.model import Dashboard, Json, Panel
from health import page
from health.dashboards.dashboard_reader import MARK_STEP, DashboardReader
from health.dashboards.panel_parameters import PanelParameters, parse_parameters
from health.dashboards.prometheus import Prometheus
from health.problem_details import ProblemDetails

THREADS = 4
"""Queries that Prometheus is sent at once."""
PATIENCE = 15.0
"""Seconds that a request waits for a thread and its answer."""
MOST_WAITING = 400
_PAGES: dict[str, Dashboard] = {dashboard.uid: dashboard for dashboard in DASHBOARDS}
Job = Callable[[], Json | list[Json]]


class DashboardRoutes:
    """The page, its model, and what it draws."""

    def __init__(self, config: MountedConfig, prometheus: Prometheus | None = None) -> None:
        self._config = config
        self._reader = DashboardReader(prometheus or Prometheus(config))
        self._running: SingleFlight[bytes] = SingleFlight(THREADS, "dashboard")

    async def shell(self, request: Request) -> Response:
        """The page itself, which asks for all else."""
        self._watched()
        uid = request.path_params.get("uid")
        if uid is not None:
            _dashboard(uid)
        return page.dashboards("." if uid is None else "..")

    async def model(self, request: Request) -> Response:
        """One page as the browser draws it."""
        config, dashboard = self._watched(), _dashboard(request.path_params["uid"])
        grafana = _grafana(config, dashboard, request.url.hostname or "")
        model = model_json(dashboard, DASHBOARDS, interval=config.settings.scrape_interval, grafana=grafana)
        return _response(request, json.dumps(model).encode())

    async def choices(self, request: Request) -> Response:
        """What can be chosen."""
        dashboard, parameters = self._request(request)
        key = f"choices {dashboard.uid} {parameters.chosen} {parameters.grid(least=MARK_STEP)}"
        return await self._answer(request, key, lambda: self._reader.choices(dashboard, parameters))

    async def marks(self, request: Request) -> Response:
        """What happened in the time shown."""
        dashboard, parameters = self._request(request)
        key = f"marks {dashboard.uid} {parameters.chosen} {parameters.grid(least=MARK_STEP)}"
        return await self._answer(request, key, lambda: self._reader.marks(dashboard, parameters))

    async def panel(self, request: Request) -> Response:
        """The series of one panel."""
        dashboard, parameters = self._request(request)
        panel = _panel(dashboard, request.path_params["id"])
        key = f"{dashboard.uid} {request.path_params['id']} {parameters.chosen} {parameters.grid(now=panel.now)}"
        return await self._answer(request, key, lambda: self._reader.panel(dashboard, panel, parameters))

    def _watched(self) -> ClusterConfig:
        """The settings, where something is measured.

        Raises:
            ProblemDetails: 404, nothing is; 503, the settings cannot be read.
        """
        try:
            config = self._config.read()
        except PodsError as error:
            raise ProblemDetails(503, f"nothing is known of the cluster: {error}") from None
        if config.settings.monitoring == "off":
            raise ProblemDetails(404, "nothing is measured: set PODS_MONITORING=on and run: inv up")
        return config

    def _request(self, request: Request) -> tuple[Dashboard, PanelParameters]:
        settings, dashboard = self._watched().settings, _dashboard(request.path_params["uid"])
        try:
            return dashboard, parse_parameters(request.query_params.multi_items(), dashboard, settings, time.time())
        except ValueError as error:
            raise ProblemDetails(400, str(error)) from None

    async def _answer(self, request: Request, key: str, job: Job) -> Response:
        """What the threads make of it; one answer for all who want the same at the same moment."""
        if len(self._running) >= MOST_WAITING:
            raise ProblemDetails(503, "too many want dashboards at once; try again", (("Retry-After", "5"),))
        body = await self._running.join(key, timely(job), PATIENCE)
        if body is None:
            raise _late()
        return _response(request, body)


def timely(job: Job, clock: Clock = time.monotonic) -> Callable[[], bytes]:
    """A job that is not begun once nobody can be waiting for it any more."""
    began = clock()

    def run() -> bytes:
        if clock() - began > PATIENCE:
            raise _late()
        return json.dumps(job(), allow_nan=False).encode()

    return run


def _late() -> ProblemDetails:
    return ProblemDetails(504, f"Prometheus did not answer within {PATIENCE:.0f} s")


def _dashboard(uid: str) -> Dashboard:
    found = _PAGES.get(uid)
    if found is None:
        raise ProblemDetails(404, f"there is no dashboard {uid[:40]!r}; there are {', '.join(_PAGES)}")
    return found


def _panel(dashboard: Dashboard, number: str) -> Panel:
    panel = find_panel(dashboard, int(number)) if number.isascii() and number.isdigit() and len(number) < 5 else None
    if panel is None:
        raise ProblemDetails(404, f"{dashboard.uid} has no panel {number[:40]!r}")
    return panel


def _grafana(config: ClusterConfig, dashboard: Dashboard, host: str) -> str | None:
    """The same page in Grafana, where that runs; if it listens everywhere, by the name this service was called by."""
    if "grafana" not in optional_services(config.settings, config.topology.image_source):
        return None
    grafana = pages(config.settings)["grafana"]
    if grafana.bind != EVERYWHERE or not host:
        return f"{grafana.url}d/{dashboard.uid}"
    name = f"[{host}]" if ":" in host else host
    return f"{grafana.scheme}://{name}:{grafana.port}/d/{dashboard.uid}"


def _response(request: Request, body: bytes) -> Response:
    headers: dict[str, Any] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(b"" if request.method == "OPTIONS" else body, 200, headers, "application/json")
