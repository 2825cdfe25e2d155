"""What Prometheus, Alertmanager and Grafana read, as text: rules and dashboards of this checkout, rendered targets."""

from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings
from cluster.http.pages import pages
from cluster.services import optional_services
from cluster.topology import Topology
from compose.render.alert_commands import first_commands, with_commands
from compose.render.alertmanager_yml import MESSAGES, RECEIVERS, alertmanager_yml
from compose.render.prometheus_yml import client_yml, prometheus_yml
from compose.render.runbooks import pages_of, runbook_pages, with_addresses

PROMETHEUS = PROJECT_ROOT / "compose" / "prometheus"
GRAFANA = PROJECT_ROOT / "dashboards" / "grafana"
RECEIVERS_PATH = f"rendered/alertmanager/{RECEIVERS}"
"""Closed to other users: a receiver may hold a token."""
MESSAGES_PATH = f"rendered/alertmanager/{MESSAGES}"
CLIENT = "client.yml"
REPORT = "report.yml"
RULES = ("alerts.yml", "backup_alerts.yml", "compat.yml", REPORT)


def monitoring_files(
    settings: Settings, topology: Topology, receivers: str, alert_secrets: frozenset[str] = frozenset()
) -> dict[str, str]:
    """What Prometheus, Alertmanager and Grafana read, where they run; ``receivers``: the user's alertmanager.yml."""
    if settings.monitoring == "off":
        return {}
    found = {
        "rendered/prometheus/prometheus.yml": prometheus_yml(settings, topology),
        **{f"rendered/prometheus/rules/{name}": _rules(name, settings) for name in RULES},
        **{f"rendered/{name}/{CLIENT}": client_yml(settings, name) for name in ("prometheus", "alertmanager")},
        **{f"rendered/prometheus/runbooks/{name}": text for name, text in runbook_pages().items()},
        **{f"rendered/pages/{name}/index.html": pages_of(name) for name in ("prometheus", "alertmanager")},
        RECEIVERS_PATH: receivers or alertmanager_yml(settings, alert_secrets),
        MESSAGES_PATH: (PROMETHEUS / MESSAGES).read_text(encoding="utf-8"),
    }
    if "grafana" in optional_services(settings, topology.image_source, topology.engine):
        for room in ("provisioning", "dashboards"):
            for path in sorted(p for p in (GRAFANA / room).rglob("*") if p.is_file()):
                found[f"rendered/grafana/{path.relative_to(GRAFANA)}"] = path.read_text()
    return found


def _rules(name: str, settings: Settings) -> str:
    """Rules about what is off are silent, not gone: a file that is left out would stay as it was."""
    if (name == "backup_alerts.yml" and settings.backup == "off") or (name == REPORT and settings.report == "off"):
        return "groups: []\n"
    rules = with_commands((PROMETHEUS / name).read_text(), first_commands())
    return with_addresses(rules, pages(settings)["prometheus"].url)
