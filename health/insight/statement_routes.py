"""`/insight/statements`: what statements did in a span of time, and in the one before it."""

import re
import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cluster.insight.statement_document import as_json
from health.insight.span_query import MOMENT, database_of
from health.insight.statement_recorder import StatementRecorder
from health.problem_details import ProblemDetails

PATH = "/insight/statements"
DEFAULT_SECONDS = 3600.0
_UNIX = 1e9
"""What is greater is a moment, and no number of seconds."""
_PARAMETERS = ("since", "until", "database")


class StatementRoutes:
    """The routes of the history of statements."""

    def __init__(self, recorder: StatementRecorder) -> None:
        self._recorder = recorder

    async def statements(self, request: Request) -> Response:
        """A span: ``since`` and ``until`` in Unix seconds or seconds ago; of one ``database`` or of all.

        Raises:
            ProblemDetails: the query is malformed.
        """
        since, until, database = _span(request, time.time())
        found = await run_in_threadpool(self._recorder.span, since, until, database)
        return JSONResponse(as_json(found), headers={"Cache-Control": "no-store"})


def _span(request: Request, now: float) -> tuple[float, float, str]:
    given = request.query_params.multi_items()
    values = dict(given)
    if len(values) != len(given) or not values.keys() <= set(_PARAMETERS):
        raise ProblemDetails(400, f"the parameters are {', '.join(_PARAMETERS)}, each once")
    since, until = (
        _moment(values.get(name, str(default)), now, name)
        for name, default in (("since", DEFAULT_SECONDS), ("until", 0.0))
    )
    if since >= min(until, now):
        raise ProblemDetails(400, "since must be before until, and not later than now")
    return since, min(until, now), database_of(values)


def _moment(text: str, now: float, name: str) -> float:
    if re.fullmatch(MOMENT, text, re.ASCII) is None:
        raise ProblemDetails(400, f"{name} is neither Unix seconds nor seconds ago")
    value = float(text)
    return value if value >= _UNIX else now - value
