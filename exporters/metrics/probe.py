"""The metrics of /probe: one node's statistics, whether it is up, and if not, why. Pure."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cluster.postgres.failures import Failure
from exporters.collectors.statistics import Statistics
from exporters.metrics.exposition import by_label, expose, single
from exporters.metrics.postgres import COLLECTORS, FAMILIES, counted
from exporters.metrics.series import MOST_DATABASES, NodeSeries

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Exposed

STATES = ("up", *Failure)


def node_metrics(
    reading: Statistics,
    seconds: float,
    series: NodeSeries | None = None,
    *,
    most: int = MOST_DATABASES,
    first: Iterable[str] = (),
    declared: Iterable[str] = (),
) -> "list[Exposed]":
    """Metrics of one node; ``seconds`` is how long the scrape took.

    ``series`` remembers what has series of its own: at most ``most`` databases, always those of ``first``, and
    those that are ``declared`` before those that are not.
    """
    rows = (series or NodeSeries()).bounded(counted(reading.rows), most, first, declared)
    state = (reading.failure or Failure.UNREACHABLE) if reading.error else "up"
    succeeded = {name: float(not reading.error and name not in reading.failures) for name in COLLECTORS}
    metrics = [
        single("pg_up", "1 if PostgreSQL answered in time.", float(state == "up")),
        by_label(
            "pods_node_state",
            "1 for the state the node is in: up, or why it does not answer.",
            "state",
            {name: float(name == state) for name in STATES},
        ),
        by_label("pg_scrape_collector_success", "1 if the collector could read all it wanted.", "collector", succeeded),
        by_label(
            "pg_scrape_collector_duration_seconds",
            "How long the collector took.",
            "collector",
            {name: reading.seconds.get(name, 0.0) for name in COLLECTORS},
        ),
        single("pg_exporter_last_scrape_duration_seconds", "How long the whole look took.", seconds),
        single(
            "pg_exporter_last_scrape_error",
            "1 if anything could not be read.",
            float(bool(reading.error or reading.failures)),
        ),
        *expose(FAMILIES, rows),
    ]
    count = sum(len(metric.samples) for metric in metrics) + 1
    return [*metrics, single("pods_scrape_samples", "Samples in this answer.", float(count))]
