"""What Prometheus' own tools say of rules, configuration and exposition, and what the live stack has of it all."""

import json
import subprocess
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporters.metrics import postgres, stack
from grafana.catalog import DASHBOARDS
from grafana.model import Panel
from tests.fix_stack import Cluster
from tests.fix_web import Web, basic, eventually, fetch
from tests.unit.grafana.alert_rules import FILES, PROOFS, ROOM, RULES
from tests.unit.grafana.promql import branches, known, panels, parse
from tests.unit.grafana.test_alerts import THEIR_OWN

JOINED = [panel for page in DASHBOARDS for panel in panels(page) if panel.kind == "table" and len(panel.queries) > 1]
NAMED_BY_OTHERS = {
    # postgres_exporter calls them so, and dashboards ask for them
    "pg_locks_count": 'should not have "_count" suffix',
    "pg_stat_activity_count": 'should not have "_count" suffix',
}


@pytest.fixture(scope="session")
def tool(shared: Cluster) -> str:
    """The image that Prometheus runs from; promtool is in it."""
    return shared.docker("inspect", "--format", "{{.Config.Image}}", shared.container("prometheus")).strip()


def _promtool(
    image: str, *arguments: str, mounts: Iterable[Path] = (), stdin: str = "", accept: Iterable[int] = (0,)
) -> str:
    """Output of promtool, whose exit code must be one of ``accept``; ``mounts`` are seen under their own paths."""
    seen = [part for path in mounts for part in ("--volume", f"{path}:{path}:ro")]
    walls = ["--network", "none", "--user", "0"]  # as root: this checkout may lie where nobody else may go
    command = ["docker", "run", "--rm", "--interactive", *walls, *seen, "--entrypoint", "promtool", image]
    done = subprocess.run([*command, *arguments], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode in accept, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_rules_are_rules(tool: str) -> None:
    said = _promtool(tool, "check", "rules", *map(str, FILES), mounts=[ROOM])
    assert said.count("SUCCESS") == len(FILES)


@pytest.mark.parametrize("proof", sorted(PROOFS.glob("*.test.yml")), ids=lambda path: path.name)
def test_every_rule_fires_and_does_not_fire(tool: str, proof: Path) -> None:
    assert "SUCCESS" in _promtool(tool, "test", "rules", str(proof), mounts=[ROOM])


@pytest.mark.parametrize("panel", JOINED, ids=lambda panel: panel.title)
def test_what_came_back_with_another_label_has_one_line_in_a_table(tool: str, panel: Panel, tmp_path: Path) -> None:
    """Also when Prometheus was away meanwhile, and did not see it go."""
    expr = panel.queries[0].expr.replace("$", "")
    key, *others = (label for label in panel.transformations[-1]["options"]["renameByName"] if "#" not in label)
    selectors = list(branches(parse(expr)))
    chosen = {label: value for selector in selectors for label, value in selector.matchers}
    before, after = (chosen | dict.fromkeys(others, word) for word in ("before", "after"))
    series = {
        f"{name}{_braces(labels)}": values
        for name in {selector.name for selector in selectors}
        for labels, values in (
            ((before, "1 _ _"), (after, "_ 1 1")) if known()[name] >= set(others) else ((chosen, "1 1 1"),)
        )
    }
    proof = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f"count by ({', '.join((key, *others))}) ({expr})",
                        "eval_time": "2m",
                        "exp_samples": [
                            {"labels": _braces({label: after[label] for label in (key, *others)}), "value": 1}
                        ],
                    }
                ],
            }
        ],
    }
    path = tmp_path / "table.test.yml"
    path.write_text(yaml.safe_dump(proof), encoding="utf-8")
    tmp_path.chmod(0o755)  # promtool is another user
    assert "SUCCESS" in _promtool(tool, "test", "rules", str(path), mounts=[tmp_path])


def _braces(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def test_the_rendered_configuration_is_one(tool: str, shared: Cluster) -> None:
    rendered = shared.home.rendered / "prometheus"
    copied = ["--volume", f"{rendered}:/etc/prometheus:ro", "--entrypoint", "promtool"]
    said = shared.docker(
        "run", "--rm", "--network", "none", *copied, tool, "check", "config", "/etc/prometheus/prometheus.yml"
    )
    assert "SUCCESS" in said


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
def test_the_exposition_is_as_prometheus_wants_it(tool: str, shared: Cluster, page: str) -> None:
    body = fetch(shared.stack.settings.exporter_port, page, shared.login("exporter")).body
    said = _promtool(tool, "check", "metrics", stdin=body, accept=(0, 3)).splitlines()  # 3: its linter found something
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
