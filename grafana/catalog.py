"""Every dashboard there is, and the file each is written to."""

from pathlib import Path

from grafana.classic import dashboard_text
from grafana.pages import backups, containers, monitoring, node, overview, pooler, replication

DIRECTORY = Path(__file__).parent / "dashboards"
DASHBOARDS = tuple(page.DASHBOARD for page in (overview, replication, node, pooler, containers, backups, monitoring))


def files() -> dict[Path, str]:
    """Path and text of every committed dashboard."""
    return {DIRECTORY / f"{page.uid.removeprefix('pods-')}.json": dashboard_text(page) for page in DASHBOARDS}
