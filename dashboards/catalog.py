"""Every dashboard there is, and the file each is written to."""

from pathlib import Path

from dashboards.classic import dashboard_text
from dashboards.pages import backups, containers, monitoring, node, overview, pooler, replication, statements

DIRECTORY = Path(__file__).parent / "grafana" / "dashboards"
DASHBOARDS = tuple(
    page.DASHBOARD for page in (overview, replication, node, statements, pooler, containers, backups, monitoring)
)


def files() -> dict[Path, str]:
    """Path and text of every committed dashboard."""
    return {DIRECTORY / f"{page.uid.removeprefix('pods-')}.json": dashboard_text(page) for page in DASHBOARDS}
