"""The alert rules as data, and what their promtool tests claim of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.config.env_file import PROJECT_ROOT

ROOM = PROJECT_ROOT / "compose" / "prometheus"
FILES = (ROOM / "alerts.yml", ROOM / "backup_alerts.yml")
PROOFS = ROOM / "tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert rule; two of one name differ in severity."""

    group: str
    name: str
    severity: str
    expr: str
    pending: str
    annotations: tuple[tuple[str, str], ...]

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.name, self.severity

    @property
    def page(self) -> str:
        """The page of docs/how-to/alerts/ that its group has."""
        return f"{self.group.removeprefix('pods-')}.md"

    def __str__(self) -> str:
        return f"{self.name}-{self.severity}"


def _groups() -> Iterator[dict[str, Any]]:
    for path in FILES:
        yield from yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]


def _rules() -> Iterator[Rule]:
    for group in _groups():
        for rule in group["rules"]:
            if "alert" in rule:
                yield Rule(
                    group=group["name"],
                    name=rule["alert"],
                    severity=rule["labels"].get("severity", ""),
                    expr=rule["expr"],
                    pending=rule.get("for", "0"),
                    annotations=tuple(rule["annotations"].items()),
                )


RULES = tuple(_rules())
RECORDED = {rule["record"]: rule["expr"] for group in _groups() for rule in group["rules"] if "record" in rule}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What promtool holds about one alert at one moment: the severities that fire, and the texts they then have."""

    alert: str
    severities: frozenset[str]
    texts: tuple[str, ...]


def claims() -> Iterator[Claim]:
    """Every claim of the promtool tests."""
    for path in sorted(PROOFS.glob("*.test.yml")):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for claim in test.get("alert_rule_test", ()):
                if claim["alertname"] != "PodsReport":  # news, and no alert: no rule of ``RULES``
                    yield _claim(claim)


def _claim(written: dict[str, Any]) -> Claim:
    expected = written["exp_alerts"]
    return Claim(
        alert=written["alertname"],
        severities=frozenset(alert["exp_labels"]["severity"] for alert in expected),
        texts=tuple(str(text) for alert in expected for text in alert["exp_annotations"].values()),
    )


def runbook(rule: Rule) -> tuple[Path, str]:
    """The page and the anchor that a rule sends people to."""
    page, _, anchor = dict(rule.annotations)["runbook_url"].partition("#")
    return PROJECT_ROOT / page, anchor
