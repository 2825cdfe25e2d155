"""The tables of docs/reference/dashboards.md: every panel, in the order in which it stands on its page."""

from dashboards.catalog import DASHBOARDS
from dashboards.model import Dashboard, Row


def reference() -> str:
    """All pages, as Markdown."""
    return "\n".join(line for page in DASHBOARDS for line in _page(page)).strip() + "\n"


def _page(page: Dashboard) -> list[str]:
    choices = ", ".join(variable.label.lower() for variable in page.variables)
    head = ["", f"## {page.title}", "", f"{page.description} Address `/d/{page.uid}`. To choose: {choices}."]
    return [
        *head,
        "",
        "| row | panel | what it shows |",
        "|---|---|---|",
        *(line for row in page.rows for line in _row(row)),
    ]


def _row(row: Row) -> list[str]:
    return [f"| {row.title} | {panel.title} | {panel.description.replace('|', '&#124;')} |" for panel in row.panels]
