"""The page: a table that is there without JavaScript, and what brings it to life. Nothing is loaded from elsewhere."""

from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from starlette.responses import Response

from cluster.status import overview
from cluster.units import human_seconds, human_size
from health.problem_details import ProblemDetails
from health.responses import ResponseTable

FOLDER = Path(__file__).parent / "page"
ASSETS = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "picture.js": "text/javascript",
    "spark.js": "text/javascript",
    "words.js": "text/javascript",
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
    document = overview(table.view) if table else {"project": "PODS", "nodes": [], "pools": [], "reasons": [error]}
    return Response(render(document), 200, HEADERS, "text/html")


def asset(name: str) -> Response:
    """One of the page's own files.

    Raises:
        ProblemDetails: 404, it has no such file.
    """
    if name not in ASSETS:
        raise ProblemDetails(404, f"the page has no file {name[:40]!r}")
    return Response(_text(name), 200, {**HEADERS, "Cache-Control": "no-cache"}, ASSETS[name])


def render(document: dict[str, Any]) -> str:
    """The HTML of an overview."""
    healthy = document.get("healthy", False)
    return Template(_text("index.html")).substitute(
        project=escape(document["project"]),
        status="healthy" if healthy else "degraded",
        headline=escape(_headline(document)),
        reasons="".join(f"<li>{escape(reason)}</li>" for reason in document["reasons"]),
        notes="".join(f"<li>{escape(note)}</li>" for note in document.get("notes", ())),
        nodes="".join(_row(_node_cells(node)) for node in document["nodes"]),
        pools="".join(_row(_pool_cells(pool)) for pool in document["pools"]),
        slots="".join(_row(_slot_cells(slot)) for slot in document.get("slots", ())),
    )


def _headline(document: dict[str, Any]) -> str:
    count = len(document["reasons"])
    if not count:
        return "All is well"
    return f"{count} thing{'s' if count > 1 else ''} to look at"


def _node_cells(node: dict[str, Any]) -> list[Any]:
    return [
        node["name"],
        node["role"],
        node["state"],
        human_size(node["lag_bytes"]),
        human_seconds(node["lag_seconds"]),
        node["sync"],
        node["timeline"],
        node["lsn"],
        node["connections"],
        human_seconds(node["uptime"]),
    ]


def _pool_cells(pool: dict[str, Any]) -> list[Any]:
    servers = None if pool["servers_active"] is None else pool["servers_active"] + pool["servers_idle"]
    return [pool["name"], ", ".join(pool["target"]), pool["clients"], pool["waiting"], servers, pool["size"]]


def _slot_cells(slot: dict[str, Any]) -> list[Any]:
    state = "in use" if slot["active"] else "idle"
    return [slot["name"], state, slot["wal_status"], human_size(slot["retained_bytes"])]


def _row(cells: list[Any]) -> str:
    head, *rest = ("–" if cell is None else escape(str(cell)) for cell in cells)
    return f'<tr><th scope="row">{head}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
