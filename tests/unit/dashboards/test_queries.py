"""Every expression parses, asks for what is emitted, and asks for it in the right way."""

import re

import pytest

from dashboards.catalog import DASHBOARDS
from dashboards.model import Dashboard
from dashboards.ranking import MOST
from tests.unit.dashboards.promql import (
    TARGET_LABELS,
    asked,
    branches,
    emitted,
    families,
    known,
    panels,
    parse,
)

PAGES = pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)
GROWS = {"rate", "increase", "irate", "changes", "resets"}
POSITIONS = {"pods_wal_position_bytes", "pods_wal_received_bytes", "pods_wal_replayed_bytes"}
"""They grow, and their distance is of interest as well as their growth."""
COUNTERS = {
    family.name_of(metric) for family in families() for metric in family.metrics if metric.kind != "gauge"
} - POSITIONS
GAUGES = set(emitted()) - COUNTERS - POSITIONS
WITHOUT_CLUSTER = {"ALERTS"}
"""An alert about no cluster in particular has no such label: those are asked for with an alternative."""


@PAGES
def test_every_expression_parses(page: Dashboard) -> None:
    for query in asked(page):
        parse(query.expr)


@PAGES
def test_every_metric_is_known_and_so_is_every_label_that_chooses(page: Dashboard) -> None:
    for query in asked(page):
        metrics = known()
        for selector in branches(parse(query.expr)):
            assert selector.name in metrics, f"{query}: {selector.name}"
            labels = {label for label, _ in selector.matchers}
            assert labels <= metrics[selector.name] | TARGET_LABELS, f"{query}: {selector.name}"


@PAGES
def test_every_selector_keeps_to_the_chosen_cluster(page: Dashboard) -> None:
    for query in asked(page):
        for selector in branches(parse(query.expr)):
            wanted = "$cluster|" if selector.name in WITHOUT_CLUSTER else "$cluster"
            assert [value for label, value in selector.matchers if label == "cluster"] == [wanted], (
                f"{query}: {selector.name}"
            )


@PAGES
def test_what_only_grows_is_asked_for_by_its_growth_and_nothing_else_is(page: Dashboard) -> None:
    for query in asked(page):
        for selector in branches(parse(query.expr)):
            if selector.name in COUNTERS or selector.name.endswith("_total"):
                assert GROWS & set(selector.around), f"{query}: {selector.name}"
            elif selector.name in GAUGES:
                assert not {"rate", "increase", "irate"} & set(selector.around), f"{query}: {selector.name}"


@PAGES
def test_rates_follow_the_zoom(page: Dashboard) -> None:
    """A fixed window misses what happens between two points of a long time range, or is empty on a short one."""
    for query in asked(page):
        for window in re.findall(r"\b(?:rate|increase|irate|changes)\([^[]*\[([^]]+)\]", query.expr):
            assert window in {"$__rate_interval", "$__range"}, query.expr


@PAGES
def test_legends_name_labels_that_the_series_have(page: Dashboard) -> None:
    metrics = known()
    for panel in panels(page):
        for query in panel.queries:
            labels = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
            there = TARGET_LABELS.union(*(metrics[selector.name] for selector in branches(parse(query.expr))))
            if grouped := re.match(r"\s*\(?\w+ by \(([^)]*)\)", query.expr):
                there &= {label.strip() for label in grouped[1].split(",")}
            assert labels <= there, f"{page.uid} › {panel.title}: {query.legend}"


@PAGES
def test_of_databases_and_pools_a_panel_draws_a_few(page: Dashboard) -> None:
    """There may be hundreds; a table can be scrolled."""
    for panel in panels(page):
        for query in panel.queries:
            if re.search(r"\{\{(datname|database|pool)\}\}", query.legend):
                assert f"topk({MOST}, " in query.expr, f"{page.uid} › {panel.title}: {query.expr}"


def test_the_judge_finds_selectors_wherever_they_are() -> None:
    found = list(branches(parse("sum by (a) (rate(x_total[5m])) / on (a) (max(-y) > 0) or topk(3, z)")))
    assert [(selector.name, "rate" in selector.around) for selector in found] == [
        ("x_total", True),
        ("y", False),
        ("z", False),
    ]


def test_marks_that_stand_at_their_value_are_asked_for_a_time_in_milliseconds() -> None:
    for mark in (mark for page in DASHBOARDS for mark in page.annotations):
        is_time = "_time_seconds{" in mark.expr or "_timestamp_seconds{" in mark.expr
        assert mark.dated == is_time == mark.expr.endswith("* 1000"), mark.name
