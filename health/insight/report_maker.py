"""Makes a report of insight: statements as this service recorded them, all else as the nodes show it now."""

import time

from cluster.config.mounted import MountedConfig
from cluster.insight.document import InsightDocument
from cluster.insight.findings_status import MOUNTED, read_status
from cluster.insight.spans import parse_since
from cluster.observed.live_insight import InsightScope, read_document
from cluster.observed.poller import Poller
from health.insight.insight_reports import ReportRequest
from health.insight.statement_recorder import StatementRecorder

_DEADLINE = 20.0
"""Seconds for all databases together; those that there was no time for are named."""


class ReportMaker:
    """Called in a worker thread, once at a time."""

    def __init__(self, config: MountedConfig, recorder: StatementRecorder) -> None:
        self._config, self._recorder, self._poller = config, recorder, Poller()

    def __call__(self, request: ReportRequest) -> InsightDocument:
        """Read the nodes, and judge.

        Raises:
            UsageError: the request means nothing.
        """
        config, now = self._config.read(), time.time()
        since = parse_since(request.since, now)
        accesses = {name: config.node(name) for name in config.topology.names}
        span = self._recorder.span(since, now, request.database)
        kept = read_status(MOUNTED)
        marks = kept.marks if kept else ()
        scope = InsightScope(since=since, database=request.database, deadline=_DEADLINE, marks=marks)
        return read_document(accesses, span, scope, self._poller)
