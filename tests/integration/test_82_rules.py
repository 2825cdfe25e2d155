"""What Prometheus' own tool says of the rules: no cluster, an image alone (`nox -s rules`)."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from grafana.catalog import DASHBOARDS
from grafana.model import Panel
from tests.fix_promtool import Promtool
from tests.unit.grafana.alert_rules import FILES, PROOFS
from tests.unit.grafana.promql import branches, known, panels, parse

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
    path = promtool_sees / "table.test.yml"
    path.write_text(yaml.safe_dump(proof), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", str(path))


def _braces(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
