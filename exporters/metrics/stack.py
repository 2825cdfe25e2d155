"""The metrics of /metrics: PgBouncer, containers, disks, and the desired cluster. Pure."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cluster.config.mounted import ClusterConfig
from cluster.config.settings import Settings
from cluster.history import PrimaryChange
from cluster.hosts.hosts_reading import HostsReading
from cluster.image_report import ImageReport
from cluster.insight.findings_status import FindingsStatus
from cluster.naming import write_pools
from cluster.observed.primary_port import PortReading
from cluster.observed_topology import with_observed
from cluster.pools import pools_of_databases
from cluster.supervisor_status import SupervisorStatus
from cluster.topology import Topology
from exporters.collectors.backup_files import BackupReading
from exporters.collectors.container_stats import GateReading
from exporters.collectors.pgbouncer_console import ConsoleReading
from exporters.declarations import Family, Row, gauge
from exporters.metrics import (
    backups,
    certificates,
    containers,
    failover,
    findings,
    hosts,
    images,
    logins,
    pgbouncer,
    primary,
)
from exporters.metrics.cardinality import NOT_SHOWN
from exporters.metrics.exposition import expose, single
from exporters.metrics.stack_series import TARGETS, PoolOwner, PoolOwners, StackSeries

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
    TARGETS,
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
    *hosts.FAMILIES,
    *findings.FAMILIES,
    *logins.FAMILIES,
    *DESIRED,
    NOT_SHOWN,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Reports that the host wrote: images, when certificates end (Unix seconds), the latest change of the primary.

    And where the port of the primary was seen to lead, what the supervisor says of itself, how much hurts, and who was
    refused. ``hosts``: what Docker hosts answered, where Patroni decides who is the primary.
    """

    images: ImageReport = field(default_factory=ImageReport)
    certificates: Mapping[str, float] = field(default_factory=dict)
    primary_change: PrimaryChange | None = None
    port: PortReading | None = None
    supervisor: SupervisorStatus | None = None
    findings: FindingsStatus | None = None
    failed_logins: Sequence[Row] = ()
    hosts: HostsReading | None = None


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
    if reported.hosts is not None:
        config = replace(config, topology=with_observed(config.topology, reported.hosts.leader))
    owners = pool_owners(config.settings, config.topology)
    watched = config.settings.container_metrics == "on"
    rows: dict[str, Sequence[Row]] = {
        **console.rows,
        **gate.rows,
        **desired_rows(config, console, version),
        **_with_idle_pools(console, owners),
        **(kept.rows if kept else {}),
        **images.image_metrics(reported.images),
        **certificates.certificate_metrics(reported.certificates),
        **primary.primary_metrics(reported.primary_change),
        **primary.port_metrics(reported.port, config.topology.primary),
        "failed_logins": reported.failed_logins,
        **failover.failover_metrics(
            config.settings, reported.supervisor, time.time(), supervised=config.topology.engine == "local"
        ),
        **hosts.hosts_metrics(config.settings.hosts, reported.hosts),
        **findings.finding_metrics(reported.findings, time.time()),
    }
    settings = config.settings
    bounded = (series or StackSeries()).bounded(rows, owners, settings.database, settings.metrics_databases)
    gate_up = single("pods_gate_up", "1 if the reader of container metrics answered.", float(not gate.error))
    return [
        single("pgbouncer_up", "1 if PgBouncer's console answered.", float(not console.error)),
        *([gate_up] if watched else []),
        *expose(FAMILIES, bounded),
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


def pool_owners(settings: Settings, topology: Topology) -> PoolOwners:
    """The database of every pool, and who uses it first of all."""
    return {
        pool: PoolOwner(database=database.name, user=database.owner)
        for database, pool, _ in pools_of_databases(settings, topology)
    }


def _with_idle_pools(console: ConsoleReading, owners: PoolOwners) -> dict[str, list[Row]]:
    """A pool that nobody has used yet is unknown to SHOW POOLS and SHOW STATS; it counts zero, and can be watched."""
    known = owners if not console.error else {}
    found = {}
    for family in (pgbouncer.POOLS, pgbouncer.TOTALS):
        rows = console.rows.get(family.source, ())
        used = {row["database"] for row in rows}
        found[family.source] = [*rows, *(_idle(family, pool, known[pool].user) for pool in known if pool not in used)]
    return found


def _idle(family: Family, pool: str, user: str) -> Row:
    return {"database": pool, "user": user, **{metric.column: 0 for metric in family.metrics}}


def _pool_rows(config: ClusterConfig, console: ConsoleReading) -> list[Row]:
    hosts = {row["name"]: str(row["host"]).split(",") for row in console.rows["databases"]}
    return [
        {
            "pool": pool,
            "access": "write" if pool in write_pools(database.name) else "read",
            "node": node,
            "target": int(node in hosts.get(pool, ())),
        }
        for database, pool, nodes in pools_of_databases(config.settings, config.topology)
        for node in nodes
    ]
