"""`/insight`: what hurts, as a page, and the report it shows. Both always ask for the secret."""

from html import escape
from string import Template

from starlette.requests import Request
from starlette.responses import Response

from cluster.errors import PodsError
from health.insight.insight_reports import InsightReports, ReportRequest
from health.insight.span_query import database_of
from health.page import FOLDER, HEADERS
from health.problem_details import ProblemDetails
from health.watcher import ClusterWatcher

PAGE, REPORT = "/insight", "/insight/report"
DEFAULT_SINCE = "1h"
_PARAMETERS = frozenset({"since", "database"})
_LONGEST = 200
"""Characters of a parameter."""


class InsightRoutes:
    """The page and its report."""

    def __init__(self, watcher: ClusterWatcher, reports: InsightReports) -> None:
        self._watcher, self._reports = watcher, reports

    async def page(self, _: Request) -> Response:
        """The page, without a report: it asks for that itself."""
        return Response(render(self._watcher), 200, HEADERS, "text/html")

    async def report(self, request: Request) -> Response:
        """The report as JSON.

        Raises:
            ProblemDetails: the query is malformed, or there is no report now.
        """
        try:
            body = await self._reports.body(_report_request(request))
        except PodsError as error:
            raise ProblemDetails(400, str(error)) from None
        return Response(body, 200, {"Cache-Control": "no-store"}, "application/json")


def _report_request(request: Request) -> ReportRequest:
    given = request.query_params.multi_items()
    values = dict(given)
    if len(values) != len(given) or not values.keys() <= _PARAMETERS or any(len(each) > _LONGEST for _, each in given):
        raise ProblemDetails(400, "the parameters are since and database, each once")
    return ReportRequest(values.get("since") or DEFAULT_SINCE, database_of(values))


def render(watcher: ClusterWatcher) -> str:
    """The HTML: the names that it offers, and no report."""
    table = watcher.latest
    names = [each.name for each in table.view.settings.declared.databases] if table else []
    return Template((FOLDER / "insight" / "index.html").read_text(encoding="utf-8")).substitute(
        project=escape(table.status.project if table else "PODS"),
        status="reading",
        dashboards="" if table and table.view.settings.monitoring == "on" else "hidden",
        databases="".join(f"<option>{escape(name)}</option>" for name in names),
    )
