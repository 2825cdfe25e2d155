"""The report as people and programs get it: statements as rows of tables, texts redacted, changes in words. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cluster.documents import printable
from cluster.insight.findings import InsightFinding, Severity, ordered
from cluster.insight.redaction import one_line, redacted
from cluster.insight.report import BlockedSession, InsightReport, Wait
from cluster.insight.statements import MEASURES, RankedStatement, StatementWork

Unit = Literal["seconds", "bytes", "rows"]
Change = Literal["", "new", "slower", "faster", "heavier", "lighter", "more", "fewer"]
"""How a statement differs from the span before; "" is not much, or unknown. Slower and faster are
time for each call, heavier and lighter bytes or rows for each; more and fewer are calls."""
BLOCK = 8192
MOST_FINDINGS = 100
"""More are for nobody to read; hundreds of databases may have them."""
_MUCH = 1.5
"""From this factor on a change is worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRow:
    """A statement in the table of one measure. ``value`` is in the table's unit; ``nodes`` has each node's part of it.

    ``id`` is PostgreSQL's queryid as text, for JavaScript's numbers do not hold it. ``factor`` belongs to ``change``.
    ``text`` is normalised, redacted, and empty where the server has dropped it.
    """

    id: str
    database: str
    role: str
    text: str
    share: float
    value: float
    calls: int
    mean_seconds: float
    rows: int
    change: Change
    factor: float | None
    nodes: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTable:
    """The statements that are greatest by one measure, the greatest first."""

    measure: str
    unit: Unit
    rows: tuple[StatementRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightDocument:
    """Everything `inv insight` says: the fields are the keys of its JSON. Times are Unix seconds."""

    since: float
    until: float
    compared_since: float | None
    headline: str
    findings: tuple[InsightFinding, ...]
    statements: tuple[StatementTable, ...]
    waits: tuple[Wait, ...]
    blocking: tuple[BlockedSession, ...]
    notes: tuple[str, ...]
    unread: Mapping[str, str]


def make_document(report: InsightReport, notes: Iterable[str] = (), ratio: float = 1.0) -> InsightDocument:
    """What is shown of a report, on a terminal, as JSON and as a page. A measure by which nothing was done is left out.

    ``ratio`` is that of the span: how much more of it was read than of the one before.
    """
    shown = {measure: report.statements.get(measure, ()) for measure in MEASURES}
    return InsightDocument(
        since=report.since,
        until=report.until,
        compared_since=report.compared_since,
        headline=headline(report),
        findings=tuple(_shown_finding(each) for each in ordered(report.findings)[:MOST_FINDINGS]),
        statements=tuple(_table(measure, ranked, ratio) for measure, ranked in shown.items() if ranked),
        waits=report.waits,
        blocking=tuple(replace(each, query=one_line(each.query)) for each in report.blocking),
        notes=(*notes, *_left_out(len(report.findings) - MOST_FINDINGS)),
        unread={name: printable(why) for name, why in report.unread.items()},
    )


def _left_out(count: int) -> list[str]:
    return [f"{count} lesser findings are left out; those of one database alone may be all"] if count > 0 else []


def headline(report: InsightReport) -> str:
    """The verdict in a line."""
    found = [each.severity for each in report.findings]
    parts = [
        f"{found.count(each)} {words[found.count(each) > 1]}" for each, words in _VERDICTS.items() if each in found
    ]
    if not report.unread:
        return ", ".join(parts) or "nothing hurts"
    return f"{', '.join(parts) or 'nothing found'}; {len(report.unread)} could not be read"


_VERDICTS: Mapping[Severity, tuple[str, str]] = {
    "bad": ("thing hurts", "things hurt"),
    "warn": ("costs more than it must", "cost more than they must"),
    "note": ("suspicion", "suspicions"),
}


def _shown_finding(finding: InsightFinding) -> InsightFinding:
    """The same without what a terminal would obey or a browser write backwards; lines stay lines."""
    return replace(
        finding,
        subject=_shown(finding.subject),
        problem=_shown(finding.problem),
        evidence=_shown(finding.evidence),
        database=_shown(finding.database),
        node=_shown(finding.node),
        remedy=_shown(finding.remedy),
        risk=_shown(finding.risk),
        undo=_shown(finding.undo),
    )


def _shown(text: str) -> str:
    return "\n".join(printable(line.expandtabs(4)) for line in text.split("\n"))


def _table(measure: str, ranked: tuple[RankedStatement, ...], ratio: float) -> StatementTable:
    timed = measure == "io" and any(each.work.io_seconds for each in ranked)
    unit: Unit = "seconds" if measure == "time" or timed else "rows" if measure == "rows" else "bytes"
    value = _VALUES["io_seconds" if timed else measure]
    return StatementTable(
        measure=measure, unit=unit, rows=tuple(_row(each, value, ratio, timed=unit == "seconds") for each in ranked)
    )


_VALUES: Mapping[str, Callable[[StatementWork], float]] = {
    "time": lambda work: work.exec_seconds,
    "io_seconds": lambda work: work.io_seconds,
    "io": lambda work: float((work.blocks_read + work.blocks_written) * BLOCK),
    "wal": lambda work: float(work.wal_bytes),
    "temp": lambda work: float(work.temp_blocks * BLOCK),
    "rows": lambda work: float(work.rows),
}


_UNTIMED: Mapping[Change, Change] = {"slower": "heavier", "faster": "lighter"}


def _row(
    ranked: RankedStatement, value: Callable[[StatementWork], float], ratio: float, *, timed: bool
) -> StatementRow:
    change, factor = _change(ranked, value, ratio)
    change = change if timed else _UNTIMED.get(change, change)
    work = ranked.work
    return StatementRow(
        id=str(ranked.queryid),
        database=ranked.database,
        role=ranked.role,
        text=_shown(redacted(ranked.text)),
        share=ranked.share,
        value=value(work),
        calls=work.calls,
        mean_seconds=work.exec_seconds / work.calls if work.calls else 0.0,
        rows=work.rows,
        change=change,
        factor=factor,
        nodes={name: value(each) for name, each in ranked.nodes.items()},
    )


def _change(
    ranked: RankedStatement, value: Callable[[StatementWork], float], ratio: float
) -> tuple[Change, float | None]:
    """Against the span before: per call first, since that is what somebody waits for, then how often."""
    now, before = ranked.work, ranked.before
    if before is None:
        return "", None
    if not before.calls:
        return "new", None
    each, earlier = value(now) / max(now.calls, 1), value(before) / before.calls
    if earlier and not 1 / _MUCH < each / earlier < _MUCH:
        return ("slower" if each > earlier else "faster"), each / earlier
    often = now.calls / before.calls / ratio
    if 1 / _MUCH < often < _MUCH:
        return "", None
    return ("more" if often > 1 else "fewer"), often
