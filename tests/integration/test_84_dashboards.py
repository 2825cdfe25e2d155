"""Every query of every dashboard, asked of the Prometheus of a running stack, has an answer that a panel can show."""

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from cluster.config.env_file import PROJECT_ROOT
from grafana.catalog import DASHBOARDS
from grafana.model import Dashboard, Panel, Query
from tests.fix_stack import Cluster
from tests.fix_wait import eventually

_QUIET = "nothing is wrong on a healthy cluster"
_UNASKED = "it is done on a schedule, or when somebody asks"
_LIMITLESS = "no container has such a limit by default"
EMPTY = {
    ("pods-overview", "Alerts"): _QUIET,
    ("pods-containers", "Held back"): _LIMITLESS,
    ("pods-containers", "Of the limit"): _LIMITLESS,
    ("pods-backups", "Last trial restore"): _UNASKED,
    ("pods-node", "Held back from vacuum"): _QUIET,
    ("pods-monitoring", "Without series of their own"): _QUIET,
}
"""Panels that may have nothing to show, and why."""
_SCRAPES = 5
"""So many looks make every rate; some panels want traffic between two of them."""
PAGES = pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)


class Prometheus:
    """Its HTTP API, asked as Grafana asks it: by POST, with the page's variables filled in."""

    def __init__(self, cluster: Cluster, client: httpx.Client) -> None:
        settings = cluster.stack.settings
        self.interval = settings.scrape_interval
        self._client = client
        self._variables = {
            "$__rate_interval": f"{4 * self.interval}s",
            "$__range": "30m",
            "$cluster": settings.project,
            "$instance": "|".join(cluster.stack.topology.names),
            "$database": f"{settings.database}|postgres",
            "$pool": "|".join(cluster.stack.pools),
            "$service": ".+",
        }

    def now(self, expr: str) -> list[dict[str, Any]]:
        """Series at this moment."""
        return self._ask("query", query=self._filled(expr))

    def course(self, query: Query) -> list[dict[str, Any]]:
        """Series over the last two minutes, or at this moment where that is what is shown."""
        if query.now:
            return self.now(query.expr)
        end = time.time()
        times = {"start": end - 120, "end": end, "step": self.interval}
        return self._ask("query_range", query=self._filled(query.expr), **times)

    def _filled(self, expr: str) -> str:
        for variable, value in self._variables.items():
            expr = expr.replace(variable, value)
        return expr

    def _ask(self, way: str, **arguments: Any) -> list[dict[str, Any]]:
        answer = self._client.post(f"/api/v1/{way}", data=arguments).json()
        assert answer["status"] == "success", f"{answer.get('error')}: {arguments['query']}"
        assert not answer.get("warnings"), answer["warnings"]
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


@pytest.fixture(scope="module")
def prometheus(shared: Cluster) -> Iterator[Prometheus]:
    """After some looks at every target, with work done in between."""
    address = f"http://127.0.0.1:{shared.stack.settings.prometheus_port}"
    with httpx.Client(base_url=address, auth=shared.login("prometheus"), timeout=30) as client:
        prometheus = Prometheus(shared, client)
        eventually(lambda: _looked(prometheus, shared), 90, "Prometheus looked at every node often enough", pause=1)
        yield prometheus


def _looked(prometheus: Prometheus, cluster: Cluster) -> bool:
    _work(cluster)
    looks = prometheus.now(f'count(count_over_time(pg_up{{cluster="$cluster"}}[10m]) >= {_SCRAPES} and pg_up)')
    queries = 'pgbouncer_stats_totals_queries_pooled_total{cluster="$cluster", database=~"$pool"}'
    busy = prometheus.now(f"count(rate({queries}[$__rate_interval]) > 0)")
    wanted = len(cluster.stack.topology.names), len(cluster.stack.pools)
    return [series["value"][1] for series in (*looks, *busy)] == [str(count) for count in wanted]


def _work(cluster: Cluster) -> None:
    """Through the pools, on the primary and on replicas."""
    for pool in cluster.stack.pools:
        cluster.query("SELECT count(*) FROM pg_class", "pgbouncer", "app", pool)


def _panels(page: Dashboard) -> list[Panel]:
    return [panel for row in page.rows for panel in row.panels]


@PAGES
def test_every_query_of_a_page_has_an_answer(prometheus: Prometheus, page: Dashboard) -> None:
    for panel in _panels(page):
        for query in panel.queries:
            found = prometheus.course(query)
            if (page.uid, panel.title) in EMPTY:
                continue
            assert found, f"{page.uid} › {panel.title}: {query.expr}"


@PAGES
def test_series_of_a_panel_can_be_told_apart(prometheus: Prometheus, page: Dashboard) -> None:
    """Their legends differ, and each label that a legend names is there."""
    for panel in (panel for panel in _panels(page) if panel.kind != "table"):
        names = [name for query in panel.queries for name in _legends(prometheus, query)]
        assert len(names) == len(set(names)), f"{page.uid} › {panel.title}: {names}"


def _legends(prometheus: Prometheus, query: Query) -> list[str]:
    labels = [series["metric"] for series in prometheus.course(query)]
    return [re.sub(r"\{\{(\w+)\}\}", lambda found, of=of: of[found[1]], query.legend) for of in labels]  # type: ignore[misc]


@PAGES
def test_tables_have_one_line_per_key(prometheus: Prometheus, page: Dashboard) -> None:
    """Joined by their first label, every column has one value for it."""
    for panel in (panel for panel in _panels(page) if panel.kind == "table" and len(panel.queries) > 1):
        key = panel.transformations[0]["options"]["byField"]
        for query in panel.queries:
            values = [series["metric"][key] for series in prometheus.now(query.expr)]
            assert len(values) == len(set(values)) > 0, f"{page.uid} › {panel.title}: {query.expr}"


@PAGES
def test_choices_have_values(prometheus: Prometheus, page: Dashboard) -> None:
    for variable in page.variables:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable.query)
        assert found
        assert {series["metric"].get(found[2]) for series in prometheus.now(found[1])} > set(), variable.name


@PAGES
def test_marks_can_be_asked_for(prometheus: Prometheus, page: Dashboard) -> None:
    for mark in page.annotations:
        prometheus.course(Query(expr=mark.expr))


def test_names_that_upstream_dropped_are_there_for_other_peoples_dashboards(prometheus: Prometheus) -> None:
    groups = yaml.safe_load((PROJECT_ROOT / "compose" / "prometheus" / "compat.yml").read_text())["groups"]
    names = [rule["record"] for group in groups for rule in group["rules"]]

    missing = set(names)

    def recorded() -> bool:
        missing.intersection_update([name for name in names if not prometheus.now(name)])
        return not missing

    # a rule records what the last scrape brought: one that timed out leaves its group without a value until the next
    eventually(recorded, 60, "every name that upstream dropped has had a value", pause=1)


def test_a_node_that_goes_and_comes_back_is_one_band_and_is_marked(prometheus: Prometheus, cluster: Cluster) -> None:
    (mark,) = (mark for mark in DASHBOARDS[0].annotations if mark.name == "Restarts")
    (roles,) = (panel for panel in _panels(DASHBOARDS[0]) if panel.title == "Roles over time")
    before = time.time()
    cluster.docker("stop", cluster.container("replica1"))
    try:
        eventually(lambda: _role(prometheus, roles) == 0, 90, "the node is shown as down", pause=1)
    finally:
        cluster.docker("start", cluster.container("replica1"))
    eventually(lambda: _role(prometheus, roles) == 2, 90, "the node is shown as a replica again", pause=1)
    assert sorted(_legends(prometheus, roles.queries[0])) == sorted(cluster.stack.topology.names)
    starts = {series["metric"]["instance"]: float(series["value"][1]) / 1000 for series in prometheus.now(mark.expr)}
    assert [node for node, start in starts.items() if before < start < time.time()] == ["replica1"]


def _role(prometheus: Prometheus, roles: Panel) -> float:
    """What is shown of replica1; -1 is nothing, while a look at it takes too long or the exporter starts."""
    found = [s for s in prometheus.now(roles.queries[0].expr) if s["metric"]["instance"] == "replica1"]
    return float(found[0]["value"][1]) if found else -1


def test_what_a_replica_lacks_is_shown_while_its_link_is_cut(prometheus: Prometheus, cluster: Cluster) -> None:
    (panel,) = (panel for panel in _panels(DASHBOARDS[0]) if panel.title == "Lag in bytes")

    def lag() -> float:
        found = prometheus.now(panel.queries[0].expr)
        return max((float(s["value"][1]) for s in found if s["metric"]["standby"] == "replica1"), default=-1)

    cluster.query("ALTER SYSTEM SET primary_conninfo = 'host=nowhere'", "replica1")
    cluster.query("SELECT pg_reload_conf()", "replica1")
    try:
        cluster.query("SELECT pg_switch_wal() FROM pg_create_restore_point('lag')")
        eventually(lambda: lag() > 1_000_000, 90, "the lag is shown", pause=1)
    finally:
        cluster.query("ALTER SYSTEM RESET primary_conninfo", "replica1")
        cluster.query("SELECT pg_reload_conf()", "replica1")
    cluster.wait_replayed()
