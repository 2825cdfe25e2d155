"""The tables of docs/reference/metrics.md, made from the declarations the exporter works from."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cluster import queries
from cluster.config.mounted import ClusterConfig
from exporters.collectors.container_stats import GateReading
from exporters.collectors.pgbouncer_console import ConsoleReading
from exporters.collectors.statistics import Statistics
from exporters.declarations import Family, Metric
from exporters.metrics import postgres, stack
from exporters.metrics.probe import node_metrics
from exporters.metrics.stack import stack_metrics
from tests.fix_settings import settings_of, topology_of

_TYPES = {"unknown": "untyped"}
"""The text format's word for what OpenMetrics calls unknown."""
_NAMED_BY = {
    "pg_": "postgres_exporter",
    "pgbouncer_": "pgbouncer_exporter",
    "container_": "cAdvisor",
    "machine_": "cAdvisor",
    "pods_": "PODS",
}
_FROM = {
    "pools": "`SHOW POOLS`: clients and servers of each pool. One that nobody has used yet counts zero.",
    "totals": "`SHOW STATS_TOTALS`: what each pool has done since PgBouncer started.",
    "databases": "`SHOW DATABASES`: each pool as it is configured.",
    "lists": "`SHOW LISTS`: how much there is of what.",
    "config": "`SHOW CONFIG`: two of its parameters.",
    "version": "`SHOW VERSION`: which PgBouncer.",
    "containers": "The Docker engine, through the gate: each container of the project. What it uses, while it runs.",
    "networks": "The Docker engine, through the gate: each network interface of a container.",
    "states": "The Docker engine, through the gate: the state of each container, stopped ones included.",
    "machine": "The Docker engine, through the gate: the host.",
    "disks": "`statvfs`, through the gate: the file system below each directory of `data/`.",
    "backups": "The backup service's `status.json`: backups, by type and store.",
    "backup_counts": "The backup service's `status.json`: how many backups there are.",
    "backup_stores": "The backup service's `status.json`: each store.",
    "backup_service": "The backup service's `status.json`: the service itself.",
    "archive": "The backup service's `status.json`: the archive of WAL.",
    "archive_stores": "The backup service's `status.json`: the archive of WAL in each store.",
    "desired_nodes": "`topology.json`: the nodes there should be.",
    "desired_replicas": "`topology.json`: the replicas there should be.",
    "desired_pools": "`topology.json`, and `SHOW DATABASES`: whether each pool leads where it should.",
    "primary_port": "The certificate that is shown at the port of the primary: whose it is.",
    "findings": "The health service's `findings.json`: how many findings of `inv insight` there are of each kind.",
    "findings_read": "The same file: when they were counted.",
    "failover": "The setting, and the supervisor's `status.json`: automatic failover.",
    "hosts": "etcd's members on the Docker hosts, each asked for its health: the votes; only where Patroni decides.",
    "hosts_roles": "`config/hosts.toml`, as `inv up` gives it to services; only where Patroni decides.",
    "patroni": "`GET /cluster` and `GET /patroni` of Patroni's agents: the cluster; only where Patroni decides.",
    "patroni_agents": "`GET /cluster` and `GET /patroni` of Patroni's agents: each member.",
    "etcd": "`GET /health` and `GET /metrics` of etcd on each host that has a vote.",
    "failed_logins": "The logs of nodes and PgBouncer in `data/logs`: what was refused since the exporter began.",
    "images": "`images.json`, which `inv up` and `inv images.*` write: each image that runs.",
    "image_updates": "`images.json`: what the last `inv images.check` found.",
    "image_check": "`images.json`: when that was.",
    "certificates": "`certificates.json`, which `inv up` and `inv certs.renew` write.",
    "primary_change": "`history.jsonl`: the latest change of the primary, for as long as it is the latest.",
    "build": "This version of PODS.",
    "not_shown": "Counted: what is beyond the bounds that keep a page below Prometheus' `sample_limit`.",
    "invalid": "Counted from the rows of [`metrics_databases`](../../cluster/queries/metrics_databases.sql).",
    "streaming": "Counted from the rows of [`standbys`](../../cluster/queries/standbys.sql).",
}
Row = tuple[str, str, tuple[str, ...], str]
"""Name, type, labels, meaning."""


def names() -> set[str]:
    """Every metric's name."""
    return {row[0] for rows in (*_node_sections().values(), *_stack_sections().values()) for row in rows}


def node_tables() -> str:
    """What a probe of a node answers, by query."""
    return _tables(_node_sections())


def stack_tables() -> str:
    """What /metrics answers, by source."""
    return _tables(_stack_sections())


def _node_sections() -> dict[str, list[Row]]:
    about = _of_a_look(node_metrics(Statistics(), 0.0))
    return {
        "The look itself.": about,
        **_sections(postgres.FAMILIES, lambda source: _FROM.get(source) or _comment(source)),
    }


def _stack_sections() -> dict[str, list[Row]]:
    settings = settings_of()
    inside = ClusterConfig(settings=settings, topology=topology_of(settings), secrets=Path(), ca=Path())
    silent = stack_metrics(inside, ConsoleReading(error="x"), GateReading(error="x"), "")
    declared = {family.name_of(metric) for family in stack.FAMILIES for metric in family.metrics}
    about = [row for row in _of_a_look(silent) if row[0] not in declared]
    return {"The look itself.": about, **_sections(stack.FAMILIES, _FROM.__getitem__)}


def _of_a_look(metrics: Iterable[object]) -> list[Row]:
    """What is told also when there is nothing to tell."""
    from prometheus_client.metrics_core import Metric as Exposed

    told = [metric for metric in metrics if isinstance(metric, Exposed)]
    return [(m.name, m.type, tuple(m.samples[0].labels), m.documentation) for m in told]


def _sections(families: Iterable[Family], about: Callable[[str], str]) -> dict[str, list[Row]]:
    sections: dict[str, list[Row]] = {}
    for family in families:
        rows = sections.setdefault(about(family.source), [])
        rows += [_row(family, metric) for metric in family.metrics]
    return sections


def _row(family: Family, metric: Metric) -> Row:
    return family.name_of(metric), metric.kind, family.labels, family.help_of(metric)


def _comment(query: str) -> str:
    """What a query says of itself, in the comment it begins with."""
    lines = []
    for line in queries.source(query).splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return f"{' '.join(lines)} Query: [`{query}`](../../cluster/queries/{query}.sql)."


def _tables(sections: dict[str, list[Row]]) -> str:
    return "\n".join(line for about, rows in sections.items() for line in _table(about, rows))


def _table(about: str, rows: list[Row]) -> Iterator[str]:
    yield from ("", about, "", "| metric | type | labels | what it says | called so by |", "|---|---|---|---|---|")
    for name, kind, labels, text in rows:
        shown = " ".join(f"`{label}`" for label in labels)
        yield f"| `{name}` | {_TYPES.get(kind, kind)} | {shown} | {text} | {_named_by(name)} |"


def _named_by(name: str) -> str:
    return next(who for prefix, who in _NAMED_BY.items() if name.startswith(prefix))
