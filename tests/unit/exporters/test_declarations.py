"""What is declared of metrics is sound before anything is read."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from cluster.config.env_file import PROJECT_ROOT
from exporters.declarations import Family, Metric, MetricSource
from exporters.metrics import postgres, stack
from exporters.metrics.background import SETTINGS
from exporters.metrics.postgres import COLLECTORS, SOURCES
from tests.unit.sql_columns import columns_of

PAGES = {"node": postgres.FAMILIES, "stack": stack.FAMILIES}
NAME = re.compile(r"[a-z][a-z0-9_]*[a-z0-9]\Z")


def _declared(page: str) -> Iterator[tuple[Family, Metric]]:
    return ((family, metric) for family in PAGES[page] for metric in family.metrics)


def _needed(source: str) -> set[str]:
    """Columns that the families of ``source`` read."""
    families = [family for family in postgres.FAMILIES if family.source == source]
    values = {metric.value or metric.column for family in families for metric in family.metrics}
    return values | {label for family in families for label in family.labels}


@pytest.mark.parametrize("page", PAGES)
def test_no_two_metrics_have_one_name_and_the_same_labels(page: str) -> None:
    times = Counter((family.name_of(metric), frozenset(family.labels)) for family, metric in _declared(page))
    assert [key for key, count in times.items() if count > 1] == []


@pytest.mark.parametrize("page", PAGES)
def test_metrics_of_one_name_are_of_one_kind(page: str) -> None:
    kinds = defaultdict(set)
    for family, metric in _declared(page):
        kinds[family.name_of(metric)].add(metric.kind)
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


@pytest.mark.parametrize("page", PAGES)
def test_names_and_labels_are_prometheus_s_own(page: str) -> None:
    for family, metric in _declared(page):
        name = family.name_of(metric)
        assert NAME.match(name), name
        assert "__" not in name
        for label in family.labels:
            assert NAME.match(label)
            assert label not in ("instance", "job", "cluster", "le", "quantile"), (name, label)
        assert len(set(family.labels)) == len(family.labels)


@pytest.mark.parametrize("page", PAGES)
def test_counters_end_in_total_and_nothing_else_does(page: str) -> None:
    for family, metric in _declared(page):
        name = family.name_of(metric)
        assert name.endswith("_total") == (metric.kind == "counter"), name


@pytest.mark.parametrize("page", PAGES)
def test_no_counter_s_stem_is_another_metric_s_name(page: str) -> None:
    names = {family.name_of(metric) for family, metric in _declared(page)}
    assert {name for name in names if name.removesuffix("_total") in names - {name}} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_metric_says_what_it_means_in_a_sentence(page: str) -> None:
    for family, metric in _declared(page):
        assert re.match(r"[A-Z0-9].*[\w)/]\.\Z", metric.help), (family.name_of(metric), metric.help)
        assert "|" not in metric.help


def test_only_upstream_s_counters_and_positions_are_of_unknown_kind() -> None:
    ours = {
        family.name_of(metric)
        for page in PAGES
        for family, metric in _declared(page)
        if metric.kind == "unknown" and not family.name_of(metric).startswith("pg_")
    }
    assert ours == {"pods_wal_position_bytes", "pods_wal_received_bytes", "pods_wal_replayed_bytes"}


def test_every_source_is_asked_for_and_used() -> None:
    sources = {source.name for source in SOURCES}
    assert {family.source for family in postgres.FAMILIES} == sources | {"not_shown", "streaming", "invalid"}
    assert len({source.name for source in SOURCES}) == len(SOURCES)


def test_every_query_of_metrics_is_a_source() -> None:
    files = {path.stem for path in (PROJECT_ROOT / "cluster" / "queries").glob("metrics_*.sql")}
    assert files | {"server", "standbys", "slots"} == {source.name for source in SOURCES}


VERDICT_ALONE = {
    "server": {
        "pending_restart",
        "uptime",
        "receiver_silence",
        "receiver_status",
        "altered",
        "waiting_commits",
        "longest_commit",
    }
}
"""Columns that status and verdict read and no metric does."""


@pytest.mark.parametrize("source", [source.name for source in SOURCES])
def test_a_query_gives_what_its_metrics_read_and_nothing_in_vain(source: str) -> None:
    assert columns_of(source) == _needed(source) | VERDICT_ALONE.get(source, set())


def test_columns_are_found_behind_quotes_parentheses_and_subqueries() -> None:
    assert columns_of("metrics_activity") == {
        "datname",
        "state",
        "usename",
        "application_name",
        "count",
        "max_tx_duration",
    }
    assert columns_of("metrics_waldir") == {"segments", "size_bytes"}


def test_every_parameter_of_postgresql_that_is_shown_is_named_once() -> None:
    assert len(set(SETTINGS)) == len(SETTINGS)


def test_a_collector_is_named_once_and_has_a_source() -> None:
    assert len(set(COLLECTORS)) == len(COLLECTORS)
    assert set(COLLECTORS) == {source.collector for source in SOURCES}
    assert all(NAME.match(name) for name in COLLECTORS)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_only_what_costs_much_is_remembered(source: MetricSource) -> None:
    assert (source.every > 0) == (source.name in ("metrics_sizes", "metrics_waldir", "metrics_statements"))
