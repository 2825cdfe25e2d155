"""What the live stack has of rules and metrics, and what Prometheus' own tool says of the exposition."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporters.metrics import postgres, stack
from tests.fix_promtool import Promtool
from tests.fix_stack import Cluster
from tests.fix_wait import eventually
from tests.fix_web import Web, basic, fetch
from tests.unit.dashboards.alert_rules import RULES
from tests.unit.dashboards.test_alerts import THEIR_OWN

NAMED_BY_OTHERS = {
    # postgres_exporter calls them so, and dashboards ask for them
    "pg_locks_count": 'should not have "_count" suffix',
    "pg_stat_activity_count": 'should not have "_count" suffix',
}


def test_the_rendered_configuration_is_one(shared: Cluster) -> None:
    checked = shared.compose(
        "exec", "-T", "prometheus", "promtool", "check", "config", "/etc/prometheus/prometheus.yml"
    )
    assert "SUCCESS" in checked


def test_prometheus_has_loaded_every_rule_and_none_of_them_fails(shared: Cluster) -> None:
    groups = Web(shared).prometheus("rules")["groups"]
    loaded = [rule for group in groups for rule in group["rules"] if rule["type"] == "alerting"]
    wanted = sorted(rule.key for rule in RULES)
    assert sorted((rule["name"], rule["labels"]["severity"]) for rule in loaded) == wanted
    assert [rule["lastError"] for rule in loaded if rule["health"] == "err"] == []


@pytest.mark.parametrize("metric", sorted(THEIR_OWN))
def test_the_metrics_of_others_are_there(shared: Cluster, metric: str) -> None:
    eventually(lambda: Web(shared).prometheus("query", query=metric)["result"] != [], 40, f"{metric} was scraped")


PAGES = ("/probe?target=primary", "/probe?target=replica1", "/metrics")


@pytest.mark.parametrize("page", PAGES)
def test_the_exposition_is_as_prometheus_wants_it(promtool: Promtool, shared: Cluster, page: str) -> None:
    body = fetch(shared.stack.settings.exporter_port, page, shared.login("exporter")).body
    said = promtool("check", "metrics", stdin=body, accept=(0, 3)).splitlines()  # 3: its linter found something
    assert [line for line in said if line and not _excused(line)] == []


def _excused(line: str) -> bool:
    name, _, complaint = line.partition(" ")
    return complaint.endswith(NAMED_BY_OTHERS.get(name, "nothing"))


@pytest.mark.parametrize("page", PAGES)
def test_the_exposition_is_openmetrics_too(shared: Cluster, page: str) -> None:
    wanted = "application/openmetrics-text; version=1.0.0"
    body = fetch(shared.stack.settings.exporter_port, page, shared.login("exporter"), Accept=wanted).body
    assert body.endswith("# EOF\n")
    families = list(text_string_to_metric_families(body))  # type: ignore[no-untyped-call]
    names = {sample.name for family in families for sample in family.samples}
    assert len(names) > 50
    declared = {f.name_of(m) for f in (*postgres.FAMILIES, *stack.FAMILIES) for m in f.metrics}
    assert len(names & declared) > 50


NODE = {"alertname": "PodsNodeDown", "severity": "critical", "instance": "replica8", "node": "replica8"}
CAUSES = (
    NODE,
    {"alertname": "PodsNoPrimary", "severity": "critical"},
    {"alertname": "PodsPgbouncerDown", "severity": "critical"},
    {"alertname": "PodsExporterDown", "severity": "critical"},
    {"alertname": "PodsSlotLost", "severity": "critical", "slot_name": "replica9_slot"},
    {"alertname": "PodsDiskLow", "severity": "critical", "instance": "pods", "mount": "primary"},
)
CONSEQUENCES = (
    {"alertname": "PodsContainerNotRunning", "severity": "critical", "node": "replica8"},
    {"alertname": "PodsSlotInactive", "severity": "warning", "slot_name": "replica8_slot", "node": "replica8"},
    {"alertname": "PodsReplicationBroken", "severity": "critical", "instance": "replica9", "node": "replica9"},
    {"alertname": "PodsContainerNotRunning", "severity": "critical", "node": "pgbouncer"},
    {"alertname": "PodsNothingWatched", "severity": "critical"},
    {"alertname": "PodsSlotUnsafe", "severity": "critical", "slot_name": "replica9_slot"},
    {"alertname": "PodsDiskLow", "severity": "warning", "instance": "pods", "mount": "primary"},
)
NEVERTHELESS = (
    {"alertname": "PodsChecksumFailure", "severity": "critical", "instance": "replica8", "node": "replica8"},
    {"alertname": "PodsContainerNotRunning", "severity": "critical", "node": "replica9"},
    {"alertname": "PodsDiskLow", "severity": "warning", "instance": "pods", "mount": "replica8"},
    {"alertname": "PodsSlotUnsafe", "severity": "critical", "slot_name": "replica8_slot"},
    {**NODE, "alertname": "PodsContainerNotRunning", "cluster": "another"},
)


def test_the_consequences_of_a_fault_are_kept_quiet(shared: Cluster) -> None:
    """Alertmanager with the default of its file is handed alerts of a cluster that is not there."""
    port, ends = shared.stack.settings.alertmanager_port, datetime.now(UTC) + timedelta(seconds=30)
    alerts = [{"cluster": "trial", **labels} for labels in (*CAUSES, *CONSEQUENCES, *NEVERTHELESS)]
    body = json.dumps([{"labels": labels, "endsAt": ends.isoformat()} for labels in alerts]).encode()
    address = f"http://127.0.0.1:{port}/api/v2/alerts"
    login = shared.login("alertmanager")
    sent = {"Content-Type": "application/json", "Authorization": basic(login)}
    urllib.request.urlopen(urllib.request.Request(address, body, sent), timeout=10)

    def quiet() -> list[dict[str, str]]:
        found = json.loads(fetch(port, "/api/v2/alerts?active=false&inhibited=true", login).body)
        return [alert["labels"] for alert in found if alert["status"]["inhibitedBy"]]

    wanted = [{"cluster": "trial", **labels} for labels in CONSEQUENCES]
    eventually(lambda: all(labels in quiet() for labels in wanted), 15, "all consequences are kept quiet")
    assert [labels for labels in quiet() if labels["cluster"] in ("trial", "another") and labels not in wanted] == []
