"""What the dashboards ask, expression by expression, and which metrics there are to ask for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import promql_parser
import yaml
from promql_parser import MatrixSelector, SubqueryExpr, VectorSelector

from cluster.config.env_file import PROJECT_ROOT
from dashboards.model import Dashboard, Panel
from exporters.collectors.statistics import Statistics
from exporters.declarations import Family
from exporters.metrics import postgres, stack
from exporters.metrics.probe import node_metrics

RULES = tuple(PROJECT_ROOT / "compose" / "prometheus" / name for name in ("alerts.yml", "compat.yml"))
TARGET_LABELS = frozenset({"job", "instance", "cluster"})
"""Labels that every series has from its target."""
OTHERS: Mapping[str, frozenset[str]] = {
    # Prometheus' own, of every target and of itself; Alertmanager's; those of the exporter's process
    "up": frozenset(),
    "scrape_duration_seconds": frozenset(),
    "ALERTS": frozenset({"alertname", "alertstate", "severity", "node"}),
    "prometheus_tsdb_head_series": frozenset(),
    "prometheus_tsdb_storage_blocks_bytes": frozenset(),
    "prometheus_tsdb_wal_storage_size_bytes": frozenset(),
    "prometheus_sd_http_failures_total": frozenset(),
    "prometheus_target_scrapes_sample_duplicate_timestamp_total": frozenset(),
    "prometheus_rule_evaluation_failures_total": frozenset({"rule_group"}),
    "prometheus_notifications_dropped_total": frozenset(),
    "alertmanager_alerts": frozenset({"state"}),
    "process_cpu_seconds_total": frozenset(),
    "process_resident_memory_bytes": frozenset(),
}
_ALONE = ("pgbouncer_up", "pods_gate_up")
_STAND_INS = {"$__rate_interval": "1m", "$__range": "1h", "$__interval": "15s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One expression and where it stands."""

    page: str
    where: str
    expr: str

    def __str__(self) -> str:
        return f"{self.page} › {self.where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """A metric that an expression reads, by which labels (name, value), inside which functions and operators."""

    name: str
    matchers: tuple[tuple[str, str], ...]
    around: tuple[str, ...]


def panels(page: Dashboard) -> tuple[Panel, ...]:
    """Every panel of a page."""
    return tuple(panel for row in page.rows for panel in row.panels)


def asked(page: Dashboard) -> Iterator[Asked]:
    """Every expression of a page's panels and annotations."""
    for panel in panels(page):
        for query in panel.queries:
            yield Asked(page=page.uid, where=panel.title, expr=query.expr)
    for mark in page.annotations:
        yield Asked(page=page.uid, where=mark.name, expr=mark.expr)


def parse(expr: str) -> promql_parser.Expr:
    """The expression with Grafana's own variables filled in; $cluster and the like are ordinary text in quotes."""
    for variable, stand_in in _STAND_INS.items():
        expr = expr.replace(variable, stand_in)
    return promql_parser.parse(expr)


def branches(node: promql_parser.Expr, above: tuple[str, ...] = ()) -> Iterator[Selector]:
    """Every selector with the functions and operators around it, outermost first."""
    if isinstance(node, MatrixSelector):
        node = node.vector_selector
    if isinstance(node, VectorSelector):
        labels = tuple((matcher.name, matcher.value) for matcher in node.matchers.matchers)
        yield Selector(name=node.name or "", matchers=labels, around=above)
    else:
        name = getattr(getattr(node, "func", None), "name", "") or type(node).__name__
        for below in _below(node):
            yield from branches(below, (*above, name))


def _below(node: promql_parser.Expr) -> list[promql_parser.Expr]:
    if isinstance(node, promql_parser.Call):
        return list(node.args)
    if isinstance(node, promql_parser.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, SubqueryExpr | promql_parser.ParenExpr | promql_parser.UnaryExpr | promql_parser.AggregateExpr):
        return [node.expr]
    return []


def families() -> tuple[Family, ...]:
    """All that the exporter declares."""
    return (*postgres.FAMILIES, *stack.FAMILIES)


def emitted() -> dict[str, frozenset[str]]:
    """Metric → labels of its own, of all that the exporter emits."""
    found: dict[str, frozenset[str]] = {}
    for family in families():
        for metric in family.metrics:
            name = family.name_of(metric)
            found[name] = found.get(name, frozenset()) | frozenset(family.labels)
    for exposed in node_metrics(Statistics(), 0.0):
        found.setdefault(exposed.name, frozenset(exposed.samples[0].labels))
    return found | dict.fromkeys(_ALONE, frozenset[str]())


def recorded() -> dict[str, str]:
    """Recorded name → expression, of all rule files."""
    return {
        rule["record"]: rule["expr"]
        for path in RULES
        for group in yaml.safe_load(path.read_text(encoding="utf-8")).get("groups", ())
        for rule in group["rules"]
        if "record" in rule
    }


def known() -> dict[str, frozenset[str]]:
    """Every metric that a dashboard may ask for, and its labels."""
    return emitted() | dict(OTHERS)
