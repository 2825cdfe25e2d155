"""The page: a table that is there without JavaScript, and what brings it to life. Nothing is loaded from elsewhere."""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from starlette.responses import Response

from health.alert_text import AlertRow, AlertText
from health.page_text import Advice, PageText, advice, headline
from health.pool_text import TableRow
from health.problem_details import ProblemDetails
from health.responses import ResponseTable

FOLDER = Path(__file__).parent / "page"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
ASSETS = {
    str(path.relative_to(FOLDER)): _TYPES[path.suffix] for path in sorted(FOLDER.rglob("*")) if path.suffix in _TYPES
}
"""What pages load, and its type; read from the image once, so that no request names a path."""
_ALERT_HEADS = ("alert", "severity", "since", "node", "says", "look first")
_HEADS = {
    "nodes": ("node", "role", "state", "lag", "behind", "sync", "timeline", "LSN", "connections", "up"),
    "databases": ("database", "writes to", "reads from", "pools", "clients", "waiting", "servers"),
    "pools": ("pool", "leads to", "clients", "waiting", "servers", "size"),
    "slots": ("slot", "state", "WAL", "kept"),
}
"""The columns of each table."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def response(table: ResponseTable | None, error: str) -> Response:
    """The page as it is now; without a poll, with the reason for that."""
    return Response(render(table) if table else _render_error(error), 200, HEADERS, "text/html")


def dashboards(root: str) -> Response:
    """The page of dashboards, as it is before it has asked for anything; ``root`` leads from it to this service's."""
    return Response(Template(_text("dashboards/index.html")).substitute(root=root), 200, HEADERS, "text/html")


def asset(name: str) -> Response:
    """One of the page's own files.

    Raises:
        ProblemDetails: 404, it has no such file.
    """
    if name not in ASSETS:
        raise ProblemDetails(404, f"the page has no file {name[:40]!r}")
    return Response(_text(name), 200, {**HEADERS, "Cache-Control": "no-cache"}, ASSETS[name])


def render(table: ResponseTable) -> str:
    """The HTML of what is known."""
    status, text = table.status, table.text
    return _fill(
        project=escape(status.project),
        status=status.status,
        headline=escape(text.headline),
        reasons=_items(text.reasons),
        notes=_items(text.notes),
        since=_since(text.primary),
        dashboards="" if table.view.settings.monitoring == "on" else "hidden",
        watched="" if text.alerts else "hidden",
        alerts=_alert_table(text.alerts or AlertText()),
        alerts_note=escape(text.alerts.note if text.alerts else ""),
        single="" if text.pooler.databases else "hidden",
        more_databases=escape(text.pooler.more_databases),
        more_pools=escape(text.pooler.more_pools),
        **{name: _table(name, rows) for name, rows in _tables(text).items()},
    )


def _render_error(error: str) -> str:
    return _fill(project="PODS", status="degraded", headline=headline([error]), reasons=_items(advice([error])))


def _fill(**texts: str) -> str:
    empty = dict.fromkeys(
        ("reasons", "notes", "since", "more_databases", "more_pools", "dashboards", "alerts_note"), ""
    )
    empty |= {"single": "hidden", "watched": "hidden", "alerts": _alert_table(AlertText())}
    empty |= {name: _table(name, ()) for name in _HEADS}
    return Template(_text("index.html")).substitute(empty | texts)


def _items(lines: Iterable[Advice]) -> str:
    return "".join(f"<li>{escape(line.problem)}{_remedy(line.remedy)}</li>" for line in lines)


def _remedy(text: str) -> str:
    return f'<span class="remedy">{escape(text)}</span>' if text else ""


def _since(text: str) -> str:
    return f"<b>Primary</b> {escape(text)}" if text else ""


def _tables(text: PageText) -> dict[str, tuple[TableRow, ...]]:
    pooler = text.pooler
    return {"nodes": text.nodes, "databases": pooler.databases, "pools": pooler.pools, "slots": text.slots}


def _table(name: str, rows: Iterable[TableRow]) -> str:
    """One table; each cell names its column, for a screen that is too narrow for a table."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in _HEADS[name])
    body = "".join(_row(row, _HEADS[name]) for row in rows)
    return f'<table id="{name}"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'


def _alert_table(text: AlertText) -> str:
    """What fires; the button that copies comes with the script."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in _ALERT_HEADS)
    body = "".join(_alert_row(row) for row in text.rows)
    return f'<table id="alert-rows"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'


def _alert_row(row: AlertRow) -> str:
    head, *rest = (escape(cell) for cell in row.cells)
    named = f'<a href="{escape(row.runbook)}" rel="noreferrer">{head}</a>' if row.runbook else head
    rest.append(f"<code>{escape(row.command)}</code>" if row.command else "")
    cells = "".join(f'<td data-head="{name}">{cell}</td>' for name, cell in zip(_ALERT_HEADS[1:], rest, strict=True))
    quiet = ' class="quiet"' if row.quiet else ""
    return f'<tr data-mood="{row.mood}"{quiet}><th scope="row">{named}</th>{cells}</tr>'


def _row(row: TableRow, heads: Sequence[str]) -> str:
    head, *rest = (escape(cell) for cell in row.cells)
    cells = "".join(f'<td data-head="{name}">{cell}</td>' for name, cell in zip(heads[1:], rest, strict=True))
    return f'<tr data-mood="{row.mood}"><th scope="row">{head}</th>{cells}</tr>'


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
