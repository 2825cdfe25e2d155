"""The first page: the whole cluster at a glance, in the eight groups that the original had."""

from dashboards import annotations
from dashboards.model import Dashboard
from dashboards.rows.cluster import NODES
from dashboards.rows.pools import POOLS
from dashboards.rows.replication_summary import REPLICATION
from dashboards.rows.resources import CPU, MEMORY, SUMMARY
from dashboards.rows.throughput import CONNECTIONS, THROUGHPUT
from dashboards.variables import CLUSTER, DATABASE, INSTANCE, POOL

DASHBOARD = Dashboard(
    uid="pods-overview",
    title="PODS / Overview",
    description="One PODS cluster at a glance: nodes, replication, throughput, connections, pools and containers.",
    variables=(CLUSTER, INSTANCE, DATABASE, POOL),
    annotations=annotations.ALL,
    rows=(NODES, REPLICATION, THROUGHPUT, CONNECTIONS, POOLS, CPU, MEMORY, SUMMARY),
)
