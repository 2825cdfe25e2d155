"""The metrics of /metrics: PgBouncer, containers, disks, and the desired cluster. Pure."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluster.config.mounted import ClusterConfig
from cluster.history import PrimaryChange
from cluster.image_report import ImageReport
from cluster.naming import write_pools
from cluster.observed.primary_port import PortReading
from cluster.pools import pools
from cluster.supervisor_status import SupervisorStatus
from exporters.collectors.backup_files import BackupReading
from exporters.collectors.container_stats import GateReading
from exporters.collectors.pgbouncer_console import ConsoleReading
from exporters.declarations import Family, Row, gauge
from exporters.metrics import backups, certificates, containers, failover, images, pgbouncer, primary
from exporters.metrics.cardinality import NOT_SHOWN
from exporters.metrics.exposition import expose, single
from exporters.metrics.series import StackSeries

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Exposed

DESIRED = (
    Family(
        source="desired_nodes",
        prefix="pods_cluster_",
        labels=("role",),
        metrics=(gauge("nodes_expected", "Nodes that the topology asks for, by role."),),
    ),
    Family(
        source="desired_replicas",
        prefix="pods_cluster_",
        labels=("node", "state"),
        metrics=(gauge("replica_state", "1 for each replica, with the state it has in the topology."),),
    ),
    Family(
        source="desired_pools",
        prefix="pods_pool_",
        labels=("pool", "access", "node"),
        metrics=(
            gauge("target", "1 if PgBouncer's pool leads to the node, as it should; 0 if it should and does not."),
        ),
    ),
    Family(
        source="build",
        prefix="pods_build_",
        labels=("version", "project"),
        metrics=(gauge("info", "The version of PODS, and the cluster's name; 1."),),
    ),
)
FAMILIES = (
    *pgbouncer.FAMILIES,
    *containers.FAMILIES,
    *backups.FAMILIES,
    *images.FAMILIES,
    *certificates.FAMILIES,
    *primary.FAMILIES,
    *failover.FAMILIES,
    *DESIRED,
    NOT_SHOWN,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Reports that the host wrote: images, when certificates end (Unix seconds), the latest change of the primary.

    And where the port of the primary was seen to lead, and what the supervisor says of itself.
    """

    images: ImageReport = field(default_factory=ImageReport)
    certificates: Mapping[str, float] = field(default_factory=dict)
    primary_change: PrimaryChange | None = None
    port: PortReading | None = None
    supervisor: SupervisorStatus | None = None


def stack_metrics(
    config: ClusterConfig,
    console: ConsoleReading,
    gate: GateReading,
    version: str,
    kept: BackupReading | None = None,
    reported: Reported | None = None,
    series: StackSeries | None = None,
) -> "list[Exposed]":
    """Metrics of all that is no node.

    ``kept`` is what the backup service says of itself, where it runs; ``reported`` what the host wrote; ``series``
    remembers what has series of its own.
    """
    reported = reported or Reported()
    watched = config.settings.container_metrics == "on"
    rows: dict[str, Sequence[Row]] = {
        **console.rows,
        **gate.rows,
        **desired_rows(config, console, version),
        **_with_idle_pools(config, console),
        **(kept.rows if kept else {}),
        **images.image_metrics(reported.images),
        **certificates.certificate_metrics(reported.certificates),
        **primary.primary_metrics(reported.primary_change),
        **primary.port_metrics(reported.port, config.topology.primary),
        **failover.failover_metrics(config.settings, reported.supervisor, time.time()),
    }
    gate_up = single("pods_gate_up", "1 if the reader of container metrics answered.", float(not gate.error))
    return [
        single("pgbouncer_up", "1 if PgBouncer's console answered.", float(not console.error)),
        *([gate_up] if watched else []),
        *expose(FAMILIES, (series or StackSeries()).bounded(rows, config.settings.user)),
    ]


def desired_rows(config: ClusterConfig, console: ConsoleReading, version: str) -> Mapping[str, Sequence[Row]]:
    """What settings and topology ask for, and where PgBouncer's pools lead in fact."""
    topology = config.topology
    return {
        "desired_nodes": [
            {"role": "primary", "nodes_expected": 1},
            {"role": "replica", "nodes_expected": len(topology.replicas)},
        ],
        "desired_replicas": [
            {"node": node.name, "state": node.state, "replica_state": 1} for node in topology.replicas
        ],
        "desired_pools": [] if console.error else _pool_rows(config, console),
        "build": [{"version": version, "project": topology.project, "info": 1}],
    }


def _with_idle_pools(config: ClusterConfig, console: ConsoleReading) -> dict[str, list[Row]]:
    """A pool that nobody has used yet is unknown to SHOW POOLS and SHOW STATS; it counts zero, and can be watched."""
    known = pools(config.settings, config.topology) if not console.error else {}
    return {
        family.source: [
            *console.rows.get(family.source, ()),
            *(_idle(family, pool, config.settings.user) for pool in known if not _used(console, family, pool)),
        ]
        for family in (pgbouncer.POOLS, pgbouncer.TOTALS)
    }


def _used(console: ConsoleReading, family: Family, pool: str) -> bool:
    return any(row["database"] == pool for row in console.rows.get(family.source, ()))


def _idle(family: Family, pool: str, user: str) -> Row:
    return {"database": pool, "user": user, **{metric.column: 0 for metric in family.metrics}}


def _pool_rows(config: ClusterConfig, console: ConsoleReading) -> list[Row]:
    writing = write_pools(config.settings.database)
    hosts = {row["name"]: str(row["host"]).split(",") for row in console.rows["databases"]}
    return [
        {
            "pool": pool,
            "access": "write" if pool in writing else "read",
            "node": node,
            "target": int(node in hosts.get(pool, ())),
        }
        for pool, nodes in pools(config.settings, config.topology).items()
        for node in nodes
    ]
