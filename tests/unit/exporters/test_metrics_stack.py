"""What /metrics tells: the stack as it is, beside what it should be."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.config.mounted import ClusterConfig
from cluster.history import PrimaryChange
from cluster.image_report import ImageReport
from cluster.observed.primary_port import PortReading
from cluster.pools import pools
from cluster.topology import Topology
from exporters.collectors.container_stats import GateReading
from exporters.collectors.pgbouncer_console import ConsoleReading, database_row, lists_row, pool_row, totals_row
from exporters.declarations import Row
from exporters.metrics import backups, hosts, stack
from exporters.metrics.certificates import certificate_metrics
from exporters.metrics.findings import finding_metrics
from exporters.metrics.hosts import hosts_metrics
from exporters.metrics.images import image_metrics
from exporters.metrics.primary import port_metrics, primary_metrics
from exporters.metrics.stack import Reported, desired_rows, stack_metrics
from tests.fix_hosts import NAMES, SITUATIONS, THREE, reading
from tests.fix_settings import settings_of, topology_of
from tests.unit.config_samples import mounted
from tests.unit.exporters.exposition import FORMATS, Samples, read_back, value_of
from tests.unit.exporters.test_pgbouncer_console import DATABASE, LISTS, POOL, TOTAL
from tests.unit.strategies import topologies

SETTINGS = settings_of()
TOPOLOGY = topology_of(SETTINGS)
SILENT = ConsoleReading(error="Connection refused")
CLOSED = GateReading(error="No such file or directory")


@pytest.fixture
def inside(tmp_path: Path) -> ClusterConfig:
    """A cluster of two replicas."""
    return mounted(tmp_path, SETTINGS, TOPOLOGY).read()


def _console(topology: Topology = TOPOLOGY, **hosts: str) -> ConsoleReading:
    """A console whose pools lead where they should, but for ``hosts``; only appdb was used yet."""
    wanted = {name: ",".join(nodes) for name, nodes in pools(SETTINGS, topology).items()} | hosts
    rows: dict[str, list[Row]] = {
        "pools": [pool_row(POOL)],
        "totals": [totals_row(TOTAL)],
        "databases": [database_row({**DATABASE, "name": name, "host": host}) for name, host in wanted.items()],
        "lists": [lists_row(LISTS)],
        "config": [{"max_client_connections": "1000", "max_user_connections": "0"}],
        "version": [{"version": "PgBouncer 1.26.1", "version_info": 1}],
    }
    return ConsoleReading(rows=rows)


def _read(inside: ClusterConfig, console: ConsoleReading, gate: GateReading = CLOSED, accept: str = "") -> Samples:
    return read_back(stack_metrics(inside, console, gate, "0.1.0"), accept)


@pytest.mark.parametrize("accept", FORMATS)
def test_what_the_console_tells_is_told(inside: ClusterConfig, accept: str) -> None:
    found = _read(inside, _console(), accept=accept)
    assert value_of(found, "pgbouncer_up") == 1
    assert value_of(found, "pgbouncer_pools_client_waiting_connections", database="appdb", user="app") == 2
    assert value_of(found, "pgbouncer_stats_totals_queries_pooled_total", database="appdb") == 128
    assert value_of(found, "pgbouncer_config_max_client_connections") == 1000
    assert value_of(found, "pgbouncer_version_info", version="PgBouncer 1.26.1") == 1
    assert value_of(found, "pgbouncer_cached_dns_names") == 3


def test_a_pgbouncer_that_does_not_answer_is_down_and_hides_no_other(inside: ClusterConfig) -> None:
    found = _read(inside, SILENT)
    assert value_of(found, "pgbouncer_up") == 0
    assert [name for name, _ in found if name.startswith(("pgbouncer_", "pods_pool_"))] == ["pgbouncer_up"]
    assert value_of(found, "pods_cluster_nodes_expected", role="replica") == 2


@pytest.mark.parametrize(("gate", "up"), [(GateReading(), 1), (CLOSED, 0)])
def test_whether_the_gate_answers_is_told(inside: ClusterConfig, gate: GateReading, up: int) -> None:
    assert value_of(_read(inside, SILENT, gate), "pods_gate_up") == up


def test_a_gate_that_was_not_asked_for_is_not_missed(tmp_path: Path) -> None:
    unwatched = mounted(tmp_path, settings_of(container_metrics="off"), TOPOLOGY).read()
    assert not [name for name, _ in _read(unwatched, SILENT) if name == "pods_gate_up"]


def test_what_the_gate_tells_is_told(inside: ClusterConfig) -> None:
    gate = GateReading(rows={"machine": [{"cpu_cores": 2, "memory_bytes": 1 << 30}]})
    assert value_of(_read(inside, SILENT, gate), "machine_memory_bytes") == 1 << 30


def test_a_pool_that_nobody_used_yet_counts_zero(inside: ClusterConfig) -> None:
    found = _read(inside, _console())
    for pool in pools(SETTINGS, TOPOLOGY):
        used = pool == "appdb"
        total = value_of(found, "pgbouncer_stats_totals_queries_pooled_total", database=pool)
        assert total == (128 if used else 0), pool
        active = value_of(found, "pgbouncer_pools_client_active_connections", database=pool, user="app")
        assert active == (3 if used else 0), pool


def test_a_pool_that_leads_elsewhere_is_seen(inside: ClusterConfig) -> None:
    found = _read(inside, _console(appdb_read1="replica2", appdb_write="replica1"))
    targets = {
        (dict(labels)["pool"], dict(labels)["node"]): value
        for (name, labels), value in found.items()
        if name == "pods_pool_target"
    }
    assert {key for key, value in targets.items() if value == 0} == {
        ("appdb_read1", "replica1"),
        ("appdb_write", "primary"),
    }
    assert targets["appdb_read", "replica2"] == 1


def test_a_pool_that_pgbouncer_does_not_know_leads_nowhere(inside: ClusterConfig) -> None:
    console = _console()
    known = [row for row in console.rows["databases"] if row["name"] != "appdb_read2"]
    found = _read(inside, replace(console, rows={**console.rows, "databases": known}))
    assert value_of(found, "pods_pool_target", pool="appdb_read2", access="read", node="replica2") == 0


def test_who_is_on_the_way_is_told(tmp_path: Path) -> None:
    topology = TOPOLOGY.with_state("replica2", "catching_up")
    found = _read(mounted(tmp_path, SETTINGS, topology).read(), SILENT)
    assert value_of(found, "pods_cluster_replica_state", node="replica1", state="member") == 1
    assert value_of(found, "pods_cluster_replica_state", node="replica2", state="catching_up") == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(topology=topologies(), accept=st.sampled_from(FORMATS))
def test_every_cluster_that_can_come_about_is_told_without_doubles(
    inside: ClusterConfig, topology: Topology, accept: str
) -> None:
    found = _read(replace(inside, topology=topology), _console(topology), accept=accept)
    expected = {role: value_of(found, "pods_cluster_nodes_expected", role=role) for role in ("primary", "replica")}
    assert expected == {"primary": 1, "replica": len(topology.nodes) - 1}
    assert {value for (name, _), value in found.items() if name == "pods_pool_target"} == {1.0}
    assert value_of(found, "pods_build_info", version="0.1.0", project=topology.project) == 1


def test_every_source_of_the_stack_s_metrics_is_read_by_someone(inside: ClusterConfig) -> None:
    console = _console()
    gate = {"machine", "containers", "networks", "states", "disks"}  # held by test_gate.py
    kept = {family.source for family in backups.FAMILIES}  # small files that the backup service writes
    reported = {
        *image_metrics(ImageReport()),
        *certificate_metrics({}),
        *primary_metrics(None),
        *port_metrics(None, ""),
        "failover",
        *finding_metrics(None, 0.0),
        "failed_logins",  # held by test_login_log.py
        *hosts_metrics(THREE, reading("well")),
    }
    known = {*console.rows, *gate, *kept, *reported, *desired_rows(inside, console, "0.1.0"), "not_shown"}
    assert {family.source for family in stack.FAMILIES} == known


def test_every_column_of_what_is_desired_is_a_metric_s(inside: ClusterConfig) -> None:
    rows = desired_rows(inside, _console(), "0.1.0")
    for family in stack.DESIRED:
        assert {*family.labels, *(metric.column for metric in family.metrics)} == set(rows[family.source][0])


def test_the_latest_change_of_the_primary_is_told(inside: ClusterConfig) -> None:
    change = PrimaryChange(at=200.5, event="switchover", primary="replica1", before="primary", timeline=2)
    metrics = stack_metrics(inside, _console(), CLOSED, "0.1.0", reported=Reported(primary_change=change))
    found = read_back(metrics, "")
    labels = {"node": "replica1", "before": "primary", "event": "switchover"}
    assert value_of(found, "pods_primary_change_timestamp_seconds", **labels) == 200.5
    assert value_of(found, "pods_primary_change_timeline", **labels) == 2
    assert not any("gap_seconds" in name for name, _ in found)


@pytest.mark.parametrize(("reading", "leads"), [(PortReading(node="primary"), 1), (PortReading(node="replica1"), 0)])
def test_whether_the_port_of_the_primary_leads_there(inside: ClusterConfig, reading: PortReading, leads: int) -> None:
    metrics = stack_metrics(inside, _console(), CLOSED, "0.1.0", reported=Reported(port=reading))
    assert value_of(read_back(metrics, ""), "pods_primary_port_target", node="primary") == leads


def test_a_cluster_without_hosts_has_no_series_of_them() -> None:
    assert hosts_metrics(THREE, None) == {}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_hosts_have_series_in_every_situation(situation: str) -> None:
    rows = hosts_metrics(THREE, reading(situation))
    (cluster,) = rows["hosts"]
    assert cluster["votes"] == 3
    assert [row["host"] for row in rows["patroni_agents"]] == [row["host"] for row in rows["etcd"]] == list(NAMES)
    assert sum(row["healthy"] for row in rows["etcd"]) == cluster["votes_counted"]


def test_every_column_of_the_hosts_is_a_metric_s() -> None:
    rows = hosts_metrics(THREE, reading("well"))
    for family in hosts.FAMILIES:
        columns = {column for row in rows[family.source] for column in row}
        assert {*family.labels, *(metric.column for metric in family.metrics)} == columns


def test_who_leads_and_how_the_votes_are() -> None:
    rows = hosts_metrics(THREE, reading("agent_hung"))
    assert {row["host"]: (row["up"], row["leader"]) for row in rows["patroni_agents"]} == {
        "alpha": (0, 0),
        "beta": (1, 1),
        "gamma": (1, 0),
    }
    lost = hosts_metrics(THREE, reading("votes_lost"))
    assert [row["failsafe"] for row in lost["patroni_agents"]] == [1, 1, 1]
    assert lost["hosts"] == [{"votes": 3, "votes_counted": 0, "votes_needed": 2}]
