"""Reports of insight as JSON: one is made at a time, in a worker thread; requests for the same share it."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from cluster.documents import to_json
from cluster.insight.document import InsightDocument
from health.problem_details import ProblemDetails

FRESH = 5.0
"""Seconds for which a report is handed out again."""
MOST_WAITING = 8
"""Reports that wait to be made; whoever wants one more is refused."""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """Which report: from when on statements are counted, as people write it, and of which database ("" is all)."""

    since: str
    database: str


@dataclass(frozen=True, slots=True)
class _MadeReport:
    body: bytes
    made: float


class InsightReports:
    """Makes them when they are asked for; no check of a load balancer waits for one."""

    def __init__(self, make: Callable[[ReportRequest], InsightDocument], *, fresh: float = FRESH) -> None:
        self._make, self._fresh = make, fresh
        self._made: dict[ReportRequest, _MadeReport] = {}
        self._making: dict[ReportRequest, asyncio.Task[bytes]] = {}
        self._one = asyncio.Lock()

    async def body(self, request: ReportRequest) -> bytes:
        """The report as JSON.

        Raises:
            ProblemDetails: 503, too many others are asked for.
            PodsError: it cannot be made.
        """
        known = self._made.get(request)
        if known is not None and time.monotonic() - known.made < self._fresh:
            return known.body
        if request not in self._making:
            if len(self._making) >= MOST_WAITING:
                raise ProblemDetails(503, f"{MOST_WAITING} reports are being made already; ask again soon")
            self._making[request] = asyncio.create_task(self._run(request))
        return await asyncio.shield(self._making[request])  # who goes away ends it for nobody else

    async def _run(self, request: ReportRequest) -> bytes:
        try:
            async with self._one:
                body = await run_in_threadpool(self._body, request)
            now = time.monotonic()
            self._made = {key: each for key, each in self._made.items() if now - each.made < self._fresh}
            self._made[request] = _MadeReport(body, now)
            return body
        finally:
            del self._making[request]

    def _body(self, request: ReportRequest) -> bytes:
        return json.dumps(to_json(self._make(request))).encode()
