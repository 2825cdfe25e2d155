"""The first page: the whole cluster at a glance, in the eight groups that the original had."""

from grafana import annotations
from grafana.model import Dashboard
from grafana.rows.cluster import NODES
from grafana.rows.pools import POOLS
from grafana.rows.replication_summary import REPLICATION
from grafana.rows.resources import CPU, MEMORY, SUMMARY
from grafana.rows.throughput import CONNECTIONS, THROUGHPUT
from grafana.variables import CLUSTER, DATABASE, INSTANCE, POOL

DASHBOARD = Dashboard(
    uid="pods-overview",
    title="PODS / Overview",
    description="One PODS cluster at a glance: nodes, replication, throughput, connections, pools and containers.",
    variables=(CLUSTER, INSTANCE, DATABASE, POOL),
    annotations=annotations.ALL,
    rows=(NODES, REPLICATION, THROUGHPUT, CONNECTIONS, POOLS, CPU, MEMORY, SUMMARY),
)
