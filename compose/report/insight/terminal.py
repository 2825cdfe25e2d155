"""What insight found, for a person at a terminal: the verdict, what hurts, then who did what. Pure.

All but the words of PODS is others' text: one line each, and nothing in it reaches the terminal as a command.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster.documents import printable
from cluster.insight.document import InsightDocument, StatementRow, StatementTable
from cluster.insight.findings import InsightFinding, Severity
from cluster.insight.redaction import one_line
from cluster.insight.report import BlockedSession, Wait
from cluster.units import fine_seconds, human_seconds, human_size, utc

_MARKS: Mapping[Severity, str] = {"bad": "✗", "warn": "!", "note": "?"}
_TITLES: Mapping[str, str] = {
    "time": "Time",
    "io": "Reading and writing",
    "wal": "WAL",
    "temp": "Temporary files",
    "rows": "Rows",
}
_BOLD, _RED, _DIM, _PLAIN = "\033[1m", "\033[31m", "\033[2m", "\033[0m"
_LEAST_TEXT = 40
"""Columns below which a statement gets a line of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Where lines are shown: how wide it is, and whether it knows colours.

    Without a width (0) all is whole, and statements have their queryid.
    """

    width: int = 0
    colours: bool = False

    def painted(self, text: str, colour: str) -> str:
        """``text`` in a colour, where there are any."""
        return f"{colour}{text}{_PLAIN}" if self.colours and text else text

    def cut(self, text: str, indent: int = 0) -> str:
        """``text`` as one line that fits behind ``indent`` columns."""
        line, room = printable(" ".join(text.split())), self.width - indent
        return line if not self.width or len(line) <= room else line[: max(room - 1, 1)] + "…"


def document_lines(document: InsightDocument, screen: Screen) -> Iterator[str]:
    """All of it."""
    hurts = any(each.severity == "bad" for each in document.findings)
    mark = "✗" if hurts else "!" if document.unread else "✓"
    yield screen.painted(f"{mark} {document.headline}", _BOLD)
    yield f"  {_span(document)}"
    yield from (f"  note: {screen.cut(note)}" for note in document.notes)
    yield from (f"  not read: {printable(name)}: {screen.cut(why)}" for name, why in document.unread.items())
    for finding in document.findings:
        yield from ("", *_finding_lines(finding, screen))
    for table in document.statements:
        yield from ("", *_table_lines(table, document, screen))
    if document.waits:
        yield from ("", *_wait_lines(document.waits, screen))
    if document.blocking:
        yield from ("", *_blocking_lines(document.blocking, screen))


def _span(document: InsightDocument) -> str:
    length = human_seconds(max(document.until - document.since, 0.0))
    compared = "" if document.compared_since is None else ", compared with as much time before"
    return f"statements of {length} until {utc(document.until)} UTC{compared}"


def _finding_lines(finding: InsightFinding, screen: Screen) -> Iterator[str]:
    subject = "" if finding.subject in finding.problem else f"{finding.subject}: "
    where = ", ".join(each for each in (finding.database, finding.node) if each)
    line = printable(f"{_MARKS[finding.severity]} {subject}{finding.problem}" + (f" ({where})" if where else ""))
    yield screen.painted(line, _RED) if finding.severity == "bad" else line
    if finding.evidence:
        yield f"    {printable(finding.evidence)}"
    for head, text in (("→", finding.remedy), ("risk:", finding.risk), ("undo:", finding.undo)):
        if text:
            yield f"    {head} {printable(' '.join(text.split()))}"


def _table_lines(table: StatementTable, document: InsightDocument, screen: Screen) -> Iterator[str]:
    known = document.compared_since is not None
    head = [
        "share",
        "time" if table.unit == "seconds" else table.unit,
        "calls",
        "each",
        *(["change"] if known else []),
        "nodes",
        "role",
        "database",
    ]
    rows = [_cells(row, table, known=known) for row in table.rows]
    widths = [max(len(line[at]) for line in (head, *rows)) for at in range(len(head))]
    used = sum(widths) + 2 * len(widths)
    beside = bool(screen.width) and screen.width - used >= _LEAST_TEXT
    yield screen.painted(_TITLES[table.measure], _BOLD)
    yield screen.painted(_joined(head, widths) + ("  statement" if beside else ""), _DIM)
    for row, cells in zip(table.rows, rows, strict=True):
        line, text = _joined(cells, widths), one_line(row.text) or "(the server has dropped its text)"
        hurts = row.change in ("slower", "heavier", "new")
        figures = line.replace(_change(row), screen.painted(_change(row), _RED), 1) if hurts and known else line
        yield f"{figures}  {screen.cut(text, used)}" if beside else figures
        if not beside:
            yield f"    {screen.cut(text if screen.width else f'{row.id}: {text}', 4)}"


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def _cells(row: StatementRow, table: StatementTable, *, known: bool) -> list[str]:
    change = [_change(row)] if known else []
    named = [printable(each) or "–" for each in (row.role, row.database)]
    return [
        _share(row.share), _value(row.value, table.unit), f"{row.calls:,}", _each(row, table), *change,
        printable(_nodes(row.nodes)), *named,
    ]  # fmt: skip


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "<1%"


def _change(row: StatementRow) -> str:
    if not row.change or row.factor is None:
        return row.change
    factor = row.factor if row.factor >= 1 else 1 / row.factor
    return f"×{factor:.1f} {row.change}" if factor < 100 else f"×{factor:.0f} {row.change}"


def _value(value: float, unit: str) -> str:
    return fine_seconds(value) if unit == "seconds" else human_size(value) if unit == "bytes" else f"{value:,.0f}"


def _each(row: StatementRow, table: StatementTable) -> str:
    each = row.value / row.calls if row.calls else 0.0
    return f"{each:,.1f}" if table.unit == "rows" and each < 10 else _value(each, table.unit)


def _nodes(nodes: Mapping[str, float]) -> str:
    """Where it ran, the busiest first."""
    found = sorted((name for name, value in nodes.items() if value > 0), key=lambda name: (-nodes[name], name))
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _wait_lines(waits: Iterable[Wait], screen: Screen) -> Iterator[str]:
    yield screen.painted("Waiting now", _BOLD)
    for each in waits:
        sessions = "1 session" if each.sessions == 1 else f"{each.sessions} sessions"
        where = f"{each.node}, {each.database}" if each.database else each.node
        line = f"{each.event}: {sessions}, longest {human_seconds(each.longest_seconds)} ({where})"
        yield f"  {screen.cut(line, 2)}"


def _blocking_lines(sessions: Iterable[BlockedSession], screen: Screen) -> Iterator[str]:
    yield screen.painted("Who waits for whom", _BOLD)
    for each in sessions:
        indent = "  " * (each.depth + 1) + ("└ " if each.depth else "")
        lock = f", waits for {each.lock}" if each.depth and each.lock else ""
        who = f"{each.pid} {each.role}@{each.database} {each.state} {human_seconds(each.seconds)}{lock} ({each.node})"
        yield indent + screen.cut(f"{who}: {each.query}", len(indent))
