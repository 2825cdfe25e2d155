"""The page: a table that is there without JavaScript, and what brings it to life. Nothing is loaded from elsewhere."""

from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from starlette.responses import Response

from health.page_text import TableRow, headline
from health.problem_details import ProblemDetails
from health.responses import ResponseTable

FOLDER = Path(__file__).parent / "page"
ASSETS = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "picture.js": "text/javascript",
    "spark.js": "text/javascript",
    "elements.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
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
        reasons=_items(status.reasons),
        notes=_items(status.notes),
        nodes=_rows(text.nodes),
        pools=_rows(text.pools),
        slots=_rows(text.slots),
    )


def _render_error(error: str) -> str:
    return _fill(project="PODS", status="degraded", headline=headline([error]), reasons=_items([error]))


def _fill(**texts: str) -> str:
    empty = dict.fromkeys(("reasons", "notes", "nodes", "pools", "slots"), "")
    return Template(_text("index.html")).substitute(empty | texts)


def _items(lines: Iterable[str]) -> str:
    return "".join(f"<li>{escape(line)}</li>" for line in lines)


def _rows(rows: Iterable[TableRow]) -> str:
    return "".join(_row(row) for row in rows)


def _row(row: TableRow) -> str:
    head, *rest = (escape(cell) for cell in row.cells)
    cells = "".join(f"<td>{cell}</td>" for cell in rest)
    return f'<tr data-mood="{row.mood}"><th scope="row">{head}</th>{cells}</tr>'


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
