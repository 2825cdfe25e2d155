"""Alert rules, their proofs, their runbooks and the receivers' file say the same."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from cluster.config.env_file import PROJECT_ROOT
from cluster.postgres.failures import Failure
from compose.render.prometheus_yml import SAMPLE_LIMIT
from tests.unit.dashboards.alert_rules import RECORDED, ROOM, RULES, Rule, claims, runbook
from tests.unit.dashboards.promql import TARGET_LABELS, branches, emitted, parse

EACH = pytest.mark.parametrize("rule", RULES, ids=str)
RUNBOOKS = PROJECT_ROOT / "docs" / "how-to" / "alerts"
REFERENCE = PROJECT_ROOT / "docs" / "reference" / "alerts.md"
CLAIMS = tuple(claims())

THEIR_OWN: Mapping[str, frozenset[str]] = {
    # Prometheus' of every target; of itself; Alertmanager's. test_82_prometheus looks for each on the live stack.
    "up": frozenset(),
    "scrape_samples_scraped": frozenset(),
    "prometheus_config_last_reload_successful": frozenset(),
    "prometheus_rule_evaluation_failures_total": frozenset({"rule_group"}),
    "prometheus_sd_http_failures_total": frozenset(),
    "prometheus_target_scrapes_sample_duplicate_timestamp_total": frozenset(),
    "prometheus_tsdb_compactions_failed_total": frozenset(),
    "prometheus_tsdb_wal_corruptions_total": frozenset(),
    "alertmanager_config_last_reload_successful": frozenset(),
}
OF_RECEIVERS: Mapping[str, frozenset[str]] = {
    # Alertmanager counts by receiver: without one there is none. test_83_alerts has some.
    "alertmanager_notifications_failed_total": frozenset({"integration", "reason", "receiver_name"}),
}
RECORDED_LABELS: Mapping[str, frozenset[str]] = {
    "pods:node_passing": frozenset({"state"}),
    "pods:statement_seconds:mean30m": frozenset({"datname", "queryid"}),
}


@EACH
def test_a_rule_says_how_bad_what_and_where_to_read_on(rule: Rule) -> None:
    assert rule.severity in {"critical", "warning", "info"}
    assert dict(rule.annotations).keys() == {"summary", "description", "runbook_url"}
    assert re.fullmatch(r"Pods[A-Z][A-Za-z]+", rule.name)


def test_no_two_rules_are_told_apart_by_nothing() -> None:
    assert len({rule.key for rule in RULES}) == len(RULES)


@EACH
def test_a_rule_s_runbook_is_its_group_s_page_at_its_own_heading(rule: Rule) -> None:
    page, anchor = runbook(rule)
    assert page == RUNBOOKS / rule.page
    assert anchor == rule.name.lower()
    assert _headings(page).count(rule.name) == 1


def _headings(page: Path) -> list[str]:
    return re.findall(r"^## (\S+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.name)
def test_a_runbook_is_about_alerts_there_are(page: Path) -> None:
    names = {rule.name for rule in RULES if rule.page == page.name}
    assert {heading for heading in _headings(page) if heading.startswith("Pods")} == names


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.name)
def test_a_runbook_says_of_each_alert_what_it_means_what_to_do_and_when_it_is_harmless(page: Path) -> None:
    for section in re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        for part in ("**Means.**", "**Look.**", "**Do.**", "**Harmless**"):
            assert section.count(part) == 1, (section.split("\n")[0], part)


@pytest.mark.parametrize("expr", [*RECORDED.values(), *(rule.expr for rule in RULES)])
def test_every_metric_and_label_a_rule_asks_for_is_emitted(expr: str) -> None:
    known = {**emitted(), **THEIR_OWN, **OF_RECEIVERS, **RECORDED_LABELS}
    for selector in branches(parse(expr)):
        assert selector.name in known, selector.name
        for label, _ in selector.matchers:
            assert label in known[selector.name] | TARGET_LABELS, f"{selector.name} has no {label}"


def test_what_is_recorded_has_the_labels_it_is_asked_by() -> None:
    assert RECORDED_LABELS.keys() == RECORDED.keys()
    for name, labels in RECORDED_LABELS.items():
        kept = re.search(r"max by \((.*?)\)", RECORDED[name])
        assert kept
        assert set(kept[1].split(", ")) == labels | {"cluster", "instance"}


@EACH
def test_a_rule_is_proven_to_fire_and_not_to_fire(rule: Rule) -> None:
    about = [claim for claim in CLAIMS if claim.alert == rule.name]
    assert any(rule.severity in claim.severities for claim in about), "never seen to fire"
    assert any(rule.severity not in claim.severities for claim in about), "never seen not to fire"


def test_proofs_are_about_rules_there_are() -> None:
    assert {claim.alert for claim in CLAIMS} == {rule.name for rule in RULES}


def test_the_limit_that_is_warned_of_is_the_one_that_is_set() -> None:
    (rule,) = [rule for rule in RULES if rule.name == "PodsScrapeNearLimit"]
    assert rule.expr == f"scrape_samples_scraped > {SAMPLE_LIMIT * 4 // 5}"
    assert f"at {SAMPLE_LIMIT} " in dict(rule.annotations)["summary"]


def test_no_text_shows_a_broken_template() -> None:
    for claim in CLAIMS:
        for text in claim.texts:
            assert not re.search(r"no value|error expanding|%!|\{\{|NaN|  ", text), text


def test_whom_to_tell_and_what_to_keep_quiet_name_alerts_there_are() -> None:
    written = yaml.safe_load((ROOM / "alertmanager.yml").read_text(encoding="utf-8"))
    rules = [*written["route"]["routes"], *written["inhibit_rules"]]
    patterns = [
        found[1]
        for rule in rules
        for matcher in (*rule.get("matchers", ()), *rule.get("source_matchers", ()), *rule.get("target_matchers", ()))
        if (found := re.fullmatch(r'alertname !?=~? "(.*)"', matcher))
    ]
    assert len(patterns) > 10
    for pattern in (choice for written_ in patterns for choice in _choices(written_)):
        assert any(re.fullmatch(pattern, rule.name) for rule in RULES), pattern


def _choices(pattern: str) -> list[str]:
    """Each alternative of a pattern by itself, so that none of them may be stale."""
    if inner := re.search(r"\(([^()]*)\)", pattern):
        return [pattern.replace(inner[0], choice) for choice in inner[1].split("|")]
    return pattern.split("|")


def test_the_report_is_sent_in_the_hour_of_its_rule_and_to_whom_alerts_go() -> None:
    """In another hour nothing would come; beyond it its end would."""
    written = yaml.safe_load((ROOM / "alertmanager.yml").read_text(encoding="utf-8"))
    (rule,) = yaml.safe_load((ROOM / "report.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    assert rule["expr"].endswith("(day_of_week() == 1 and hour() == 7)")
    (hour,) = [each["time_intervals"] for each in written["time_intervals"] if each["name"] == "report"]
    assert hour == [{"weekdays": ["monday"], "times": [{"start_time": "07:00", "end_time": "08:00"}]}]
    matching = [route for route in written["route"]["routes"] if route["matchers"] == ['report = "weekly"']]
    assert [(route["receiver"], route["active_time_intervals"]) for route in matching] == [("people", ["report"])]
    routes = [route["matchers"] for route in written["route"]["routes"]]
    assert routes.index(['report = "weekly"']) < routes.index(['severity = "info"'])
    assert rule["labels"] == {"severity": "info", "report": "weekly"}


def test_receivers_that_are_routed_to_are_there() -> None:
    written = yaml.safe_load((ROOM / "alertmanager.yml").read_text(encoding="utf-8"))
    routed = {written["route"]["receiver"], *(route["receiver"] for route in written["route"]["routes"])}
    assert routed == {receiver["name"] for receiver in written["receivers"]}
    assert all(receiver.keys() == {"name"} for receiver in written["receivers"]), "the default tells nobody"


MARKS = ("<!-- alerts -->", "<!-- /alerts -->")


def _table() -> str:
    """One row per rule: name and page, how bad, after how long, and what it says."""
    lines = ["| alert | severity | after | says |", "|---|---|---|---|"]
    for rule in RULES:
        summary = re.sub(
            r"\{\{ \$labels\.(\w+) \}\}|\{\{ \$value.*?\}\}",
            lambda m: f"‹{m[1] or 'value'}›",
            dict(rule.annotations)["summary"],
        )
        where = f"../how-to/alerts/{rule.page}#{rule.name.lower()}"
        after = "at once" if rule.pending == "0" else rule.pending
        lines.append(f"| [{rule.name}]({where}) | {rule.severity} | {after} | {summary} |")
    return "\n".join(lines) + "\n"


def test_the_reference_has_the_alerts_there_are(hold: Callable[[Path, str], None]) -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    begin, end = (page.find(mark) for mark in MARKS)
    assert -1 < begin < end, f"{REFERENCE} needs {MARKS[0]} and {MARKS[1]}"
    hold(REFERENCE, f"{page[: begin + len(MARKS[0])]}\n\n{_table()}\n{page[end:]}")


def test_the_readme_counts_the_rules() -> None:
    assert f"with {len(RULES)} alert rules" in (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("failure", Failure)
def test_the_runbook_of_a_node_that_is_down_knows_every_cause(failure: Failure) -> None:
    text = (RUNBOOKS / "nodes.md").read_text(encoding="utf-8").partition("## PodsNodeDown")[2].partition("\n## ")[0]
    assert f"`{failure}`" in text


_ONE_SOURCE = "pods_cluster_replica_state"
"""The exporter alone says that, hence no two nodes do."""


@EACH
def test_rows_of_two_nodes_are_made_one_before_they_are_called_after_the_replica(rule: Rule) -> None:
    """Around a switchover both have rows of one replica, and two rows that are called the same end the whole rule."""
    target = r'label_replace\(\s*((?:(?!label_replace).)*?),\s*"instance",\s*"[$]1"'
    renamed = re.findall(target, rule.expr, re.DOTALL)
    assert all(inner.startswith(("max by (", _ONE_SOURCE)) for inner in renamed), renamed
