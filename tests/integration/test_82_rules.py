"""What Prometheus' own tool says of the rules: no cluster, an image alone (`nox -s rules`)."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from compose.render.alert_commands import with_commands
from compose.render.monitoring import RULES as RENDERED
from compose.render.monitoring import monitoring_files
from dashboards.catalog import DASHBOARDS
from dashboards.model import Panel
from tests.fix_promtool import Promtool
from tests.fix_settings import settings_of, topology_of
from tests.unit.dashboards.alert_rules import FILES, PROOFS
from tests.unit.dashboards.promql import branches, known, panels, parse

JOINED = [panel for page in DASHBOARDS for panel in panels(page) if panel.kind == "table" and len(panel.queries) > 1]


def test_the_rules_are_rules(promtool: Promtool) -> None:
    said = promtool("check", "rules", *map(str, FILES))
    assert said.count("SUCCESS") == len(FILES)


@pytest.mark.parametrize("proof", sorted(PROOFS.glob("*.test.yml")), ids=lambda path: path.name)
def test_every_rule_fires_and_does_not_fire(promtool: Promtool, proof: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", str(proof))


@pytest.mark.parametrize("panel", JOINED, ids=lambda panel: panel.title)
def test_what_came_back_with_another_label_has_one_line_in_a_table(
    promtool: Promtool, panel: Panel, promtool_sees: Path
) -> None:
    """Also when Prometheus was away meanwhile, and did not see it go."""
    expr = panel.queries[0].expr.replace("$", "")
    key, *others = (column.label for column in panel.columns if column.label)
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
    path = promtool_sees / "table.test.yml"
    path.write_text(yaml.safe_dump(proof), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", str(path))


def _braces(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


_INSPECT = "docker inspect --format '{{json .State.Health}}' NAME"
_UNHEALTHY = """groups:
- name: trial
  rules:
      - alert: PodsContainerUnhealthy
        expr: unhealthy == 1
        labels: { severity: info, node: "{{ $labels.instance }}" }
        annotations:
          summary: "{{ $labels.name }}"
          runbook_url: there
"""


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (_INSPECT, _INSPECT.replace("NAME", "demo-gate-1")),
        ("inv logs --service primary", "inv logs --service replica2"),
    ],
)
def test_a_rule_s_command_is_about_what_the_alert_is_about(
    promtool: Promtool, promtool_sees: Path, command: str, shown: str
) -> None:
    """Braces of the command itself stay."""
    rules = with_commands(_UNHEALTHY, {"PodsContainerUnhealthy": command})
    (promtool_sees / "rules.yml").write_text(rules, encoding="utf-8")
    labels = {"name": "demo-gate-1", "instance": "replica2"}
    expected = {
        "exp_labels": {**labels, "severity": "info", "node": "replica2"},
        "exp_annotations": {"summary": "demo-gate-1", "runbook_url": "there", "command": shown},
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": f"unhealthy{_braces(labels)}", "values": "1 1"}],
        "alert_rule_test": [{"eval_time": "1m", "alertname": "PodsContainerUnhealthy", "exp_alerts": [expected]}],
    }
    path = promtool_sees / "command.test.yml"
    path.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [test]}), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", str(path))


def test_the_rules_are_rules_as_they_are_rendered(promtool: Promtool, promtool_sees: Path) -> None:
    settings = settings_of()
    files = monitoring_files(settings, topology_of(settings), "")
    for name in RENDERED:
        (promtool_sees / name).write_text(files[f"rendered/prometheus/rules/{name}"], encoding="utf-8")
        assert "SUCCESS" in promtool("check", "rules", str(promtool_sees / name))
