"""The report, of what statements did and what was read of servers just now. Pure."""

from collections.abc import Iterator

from cluster.insight.blocking import blocking
from cluster.insight.judgement import judge
from cluster.insight.readings import InsightReading
from cluster.insight.report import InsightReport
from cluster.insight.statement_history import StatementSpan
from cluster.insight.statements import MEASURES, RankedStatement, StatementKey, ranked
from cluster.units import human_seconds, utc

MOST = 10
"""Statements of each measure, where nobody wants another number."""
_LITTLE = 600.0
"""Seconds of which no word is made: history is kept in buckets."""


def make_report(span: StatementSpan, reading: InsightReading, *, database: str = "", most: int = MOST) -> InsightReport:
    """All of it, or what is of one ``database`` and what is of none."""
    waits = [
        each
        for node in reading.nodes.values()
        for each in node.waits
        if each.database in ("", database or each.database)
    ]
    return InsightReport(
        since=span.since,
        until=span.until,
        compared_since=span.compared_since,
        statements={measure: _greatest(span, measure, most, database) for measure in MEASURES},
        waits=tuple(sorted(waits, key=lambda each: (-each.longest_seconds, each.node, each.event))),
        blocking=tuple(each for each in blocking(reading) if each.database in ("", database or each.database)),
        findings=tuple(each for each in judge(reading) if each.database in ("", database or each.database)),
        unread={**{f"statements of {name}": why for name, why in span.unread.items()}, **reading.unread},
    )


def _greatest(span: StatementSpan, measure: str, most: int, database: str) -> tuple[RankedStatement, ...]:
    """The greatest; the rest, which is no statement, counts in their shares and is not among them."""
    rows = ranked(span.works, span.before, span.texts, measure, len(span.works))
    return tuple(row for row in rows if row.queryid and row.database in ("", database or row.database))[:most]


def missing_texts(span: StatementSpan, most: int, database: str = "") -> list[StatementKey]:
    """Of the statements that a report shows, those whose text nobody has read yet."""
    rows = [row for measure in MEASURES for row in _greatest(span, measure, most, database)]
    shown = {(row.database, row.queryid) for row in rows if not row.text}
    return [key for key in span.works if (key.database, key.queryid) in shown]


def coverage_notes(span: StatementSpan, since: float) -> Iterator[str]:
    """What of the time from ``since`` on is not known; a line each."""
    known = min((each.known_since for each in span.coverage.values()), default=since)
    if known - since > _LITTLE:
        yield f"statements are kept since {utc(known)} UTC; nothing is known of the time before"
    for node, each in span.coverage.items():
        missed = sum(gap.until - gap.since for gap in each.gaps)
        if missed > _LITTLE:
            yield f"of {node} {human_seconds(missed)} of this time are missing: it was not read"
