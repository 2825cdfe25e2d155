"""The exporter on the live stack: it sees everything, tells the truth when things break, and hurts nobody."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from cluster.errors import MachineError
from cluster.postgres.connection import connect
from compose.home import passwords
from exporters.metrics.postgres import COLLECTORS
from tests.fix_declared import Platform
from tests.fix_stack import Cluster
from tests.fix_wait import agrees, eventually, once_within
from tests.fix_web import Web, fetch, value

AT_ONCE = 500
DECLARED = tuple(f"shop{number}" for number in range(1, 5))


@pytest.fixture
def web(cluster: Cluster) -> Web:
    return Web(cluster)


@contextmanager
def _superuser(cluster: Cluster, do: str, undo: str, node: str = "primary") -> Iterator[None]:
    cluster.query(do, node, database="postgres")
    try:
        yield
    finally:
        cluster.query(undo, node, database="postgres")


@contextmanager
def _paused(cluster: Cluster, service: str) -> Iterator[None]:
    container = cluster.container(service)
    cluster.docker("pause", container)
    try:
        yield
    finally:
        cluster.docker("unpause", container)


def test_every_collector_succeeds_on_every_node(web: Web) -> None:
    for node in web.cluster.stack.topology.names:
        found = web.probe(node)
        assert value(found, "pg_up") == 1
        for collector in COLLECTORS:
            assert value(found, "pg_scrape_collector_success", collector=collector) == 1, (node, collector)
        assert value(found, "pods_scrape_samples") == len(found)
        assert len(found) < 810  # of them 168 of statements: twenty and the rest, by eight counters


def test_roles_are_what_the_servers_say(web: Web) -> None:
    topology = web.cluster.stack.topology
    for node in topology.names:
        assert value(web.probe(node), "pg_replication_is_replica") == float(node != topology.primary)


def test_the_numbers_are_postgresqls_own(web: Web) -> None:
    found = web.probe("primary")
    settings = {row["name"]: row for row in web.cluster.query("SELECT name, setting, unit FROM pg_settings")}
    assert value(found, "pg_settings_max_connections") == float(settings["max_connections"]["setting"])
    assert value(found, "pg_settings_shared_buffers_bytes") == float(settings["shared_buffers"]["setting"]) * 8192
    agrees(
        lambda: value(web.probe("primary"), "pg_database_size_bytes", datname="appdb") or 0.0,
        lambda: web.cluster.query("SELECT pg_database_size('appdb')::float8 AS n")[0]["n"],
        share=0.2,
    )
    identifier = web.cluster.stack.topology.system_identifier
    assert value(found, "pods_node_info", system_identifier=identifier) == 1
    assert {value(found, "pods_xmin_age", held_by=who) for who in ("slot", "slot_catalog", "prepared")} == {0.0}
    assert (value(found, "pg_xid_current") or 0) > 700


def test_commits_are_counted(web: Web) -> None:
    before = value(web.probe("primary"), "pg_stat_database_xact_commit", datname="appdb")
    for _ in range(20):
        web.cluster.query("SELECT 1")

    def counted() -> bool:
        after = value(web.probe("primary"), "pg_stat_database_xact_commit", datname="appdb")
        return (after or 0) >= (before or 0) + 20

    eventually(counted, 15, "20 more commits")


def test_pgbouncer_and_containers_are_seen(web: Web) -> None:
    found, project = web.metrics(), web.cluster.stack.topology.project
    assert value(found, "pgbouncer_up") == 1
    assert value(found, "pods_gate_up") == 1
    assert value(found, "pgbouncer_pools_client_waiting_connections", database="appdb_read1") == 0
    for service in web.cluster.stack.services:
        assert value(found, "container_memory_working_set_bytes", name=f"{project}-{service}-1"), service
        assert value(found, "pods_container_state", name=f"{project}-{service}-1", state="running") == 1
    assert value(found, "pods_filesystem_avail_bytes", mount="primary")
    assert value(found, "pods_pool_target", pool="appdb_write", node="primary") == 1
    assert value(found, "pods_cluster_nodes_expected", role="replica") == len(web.cluster.stack.topology.replicas)


def test_memory_and_cpu_are_dockers_own(web: Web) -> None:
    name = f"{web.cluster.stack.topology.project}-primary-1"

    def ours() -> float:
        return value(web.metrics(), "container_memory_working_set_bytes", name=name) or 0.0

    agrees(ours, lambda: _memory_by_docker(web.cluster, "primary"), share=0.15)
    assert value(web.metrics(), "container_cpu_usage_seconds_total", name=name, cpu="total")


def _memory_by_docker(cluster: Cluster, service: str) -> float:
    """Bytes, as `docker stats` shows them."""
    shown = cluster.docker("stats", "--no-stream", "--format", "{{json .}}", cluster.container(service))
    text = json.loads(shown)["MemUsage"].split("/")[0].strip()
    return float(text[:-3]) * {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[text[-3:]]


def test_a_target_that_is_no_node_is_refused(web: Web) -> None:
    for target in ("evil.example:5432", "pgbouncer", "", "primary%00", "127.0.0.1", "../primary"):
        assert web.exporter(f"/probe?target={target}").status == 400, target
    assert web.exporter("/probe").status == 400


@pytest.mark.alone
def test_a_paused_node_costs_nobody_else_anything(web: Web) -> None:
    def in_time() -> float:
        answer = web.exporter("/probe?target=replica1", X_Prometheus_Scrape_Timeout_Seconds="2")
        assert answer.status == 200
        return answer.seconds

    def meanwhile() -> float:
        """Of the other one: a second for it, four for the one that hangs."""
        with ThreadPoolExecutor() as pool:
            slow = pool.submit(web.exporter, "/probe?target=replica1")
            other = web.exporter("/probe?target=primary").seconds
            return max(other, slow.result().seconds / 4)

    with _paused(web.cluster, "replica1"):
        once_within(2, in_time)
        found = web.probe("replica1", X_Prometheus_Scrape_Timeout_Seconds="2")
        assert value(found, "pg_up") == 0
        assert value(found, "pods_node_state", state="timeout") == 1
        assert all(value(found, "pg_scrape_collector_success", collector=c) == 0 for c in COLLECTORS)
        once_within(1, meanwhile)
    eventually(lambda: value(web.probe("replica1"), "pg_up") == 1, 15, "replica1 up again")


def test_a_stopped_node_is_down_and_its_container_still_seen(web: Web) -> None:
    project = web.cluster.stack.topology.project
    web.cluster.compose("stop", "replica2")
    try:
        found = web.probe("replica2")
        assert value(found, "pg_up") == 0
        assert 1 in {value(found, "pods_node_state", state=state) for state in ("unreachable", "refused")}
        container = {"name": f"{project}-replica2-1", "state": "exited"}
        eventually(lambda: value(web.metrics(), "pods_container_state", **container) == 1, 5, "exited")
    finally:
        web.cluster.inv.ok("up")


def test_a_login_that_is_refused_is_told_apart(web: Web) -> None:
    password = web.cluster.stack.passwords["monitor"]
    with _superuser(
        web.cluster, "ALTER ROLE monitor PASSWORD 'something else'", f"ALTER ROLE monitor PASSWORD '{password}'"
    ):
        found = web.probe("primary")
        assert value(found, "pg_up") == 0
        assert value(found, "pods_node_state", state="auth") == 1


def test_one_failing_collector_hides_no_other(web: Web) -> None:
    with _superuser(web.cluster, "REVOKE SELECT ON pg_stat_io FROM PUBLIC", "GRANT SELECT ON pg_stat_io TO PUBLIC"):
        found = web.probe("primary")
        assert value(found, "pg_up") == 1
        assert value(found, "pg_scrape_collector_success", collector="stat_io") == 0
        assert value(found, "pg_scrape_collector_success", collector="server") == 1
        assert value(found, "pg_exporter_last_scrape_error") == 1


def _has_one_lag(web: Web, node: str) -> bool:
    """Metrics, `inv status` and the health service say the same, but for the seconds between their readings."""
    answer = fetch(web.cluster.stack.settings.health_port, "/health/replication")
    replicas = (*json.loads(answer.body)["replicas"], *web.cluster.status()["nodes"])
    found = [each["lag_seconds"] for each in replicas if each["name"] == node]
    found.append(value(web.probe(node), "pods_replication_lag_seconds"))
    return len(found) == 3 and None not in found and max(found) - min(found) < 10


def test_lag_is_honest_while_the_link_is_cut_and_on_an_idle_primary(web: Web) -> None:
    assert value(web.probe("replica1"), "pods_replication_lag_seconds") == 0
    wrong = "ALTER SYSTEM SET primary_conninfo = 'host=nowhere.invalid'"
    with _superuser(web.cluster, wrong, "ALTER SYSTEM RESET primary_conninfo", "replica1"):
        web.cluster.query("SELECT pg_reload_conf()", "replica1")
        eventually(lambda: value(web.probe("replica1"), "pods_replication_receiver_up") == 0, 20, "the link is cut")
        found = web.probe("replica1")
        assert (value(found, "pods_replication_lag_seconds") or 0) > 0
        assert value(found, "pg_replication_lag_seconds") == 0  # upstream's, kept under upstream's name
        eventually(lambda: _has_one_lag(web, "replica1"), 30, "three faces, one lag")
    web.cluster.query("SELECT pg_reload_conf()", "replica1")
    eventually(lambda: value(web.probe("replica1"), "pods_replication_lag_seconds") == 0, 30, "no lag")


def test_beyond_so_many_databases_the_rest_is_one_and_what_was_half_dropped_is_named(web: Web) -> None:
    env, declared = web.cluster.home.path / ".env", web.cluster.home.user_config / "databases.toml"
    before, without, extra = env.read_text(), declared.read_text(), ("small", "half_dropped")
    env.write_text(before + "PODS_METRICS_DATABASES=3\n")
    declared.write_text("".join(f"[databases.{name}]\n" for name in DECLARED))
    web.cluster.inv.ok("up")
    try:
        for name in extra:
            web.cluster.query(f"CREATE DATABASE {name}", database="postgres")
        web.cluster.query(
            "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half_dropped'", database="postgres"
        )
        # a scrape of Prometheus' own may be under way, and is shared
        invalid = "the half dropped one is seen"
        eventually(lambda: value(web.probe("primary"), "pods_databases_invalid") == 1, 15, invalid)
        found = web.probe("primary")
        shown = {dict(labels)["datname"] for name, labels in found if name == "pg_stat_database_numbackends"}
        assert shown == {"postgres", "appdb", "half_dropped", "other"}
        assert value(found, "pg_database_connection_limit", datname="half_dropped") == -2
        (every,) = web.cluster.query("SELECT count(*) AS databases FROM pg_database", database="postgres")
        assert value(found, "pods_scrape_not_shown", what="databases") == every["databases"] - len(shown - {"other"})
        assert value(found, "pg_database_size_bytes", datname="other")
        _pools_are_those_of_three_databases_and_of_the_rest(web)
    finally:
        declared.write_text(without)
        env.write_text(before)
        web.cluster.inv.ok("up")
        for name in (*extra, *DECLARED):
            web.cluster.query(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", database="postgres")
        for name in DECLARED:
            web.cluster.query(f"DROP ROLE IF EXISTS {name}, {name}_reader, {name}_writer", database="postgres")


def _pools_are_those_of_three_databases_and_of_the_rest(web: Web) -> None:
    """PODS_DATABASE and the busiest; what PgBouncer says of all its pools is in the sum."""
    for _ in range(5):
        Platform(web.cluster.inv).rows("shop4", "shop4_read", "SELECT 1")
    found, console = web.metrics(), web.cluster.stack.snapshot().pooler.pools
    named = {
        dict(labels)["database"] for name, labels in found if name == "pgbouncer_stats_totals_queries_pooled_total"
    }
    assert {"appdb", "shop4", "other"} <= named
    assert len(named) == 3 * len(console) // (1 + len(DECLARED)) + 1
    sizes = sum(size for (name, _), size in found.items() if name == "pgbouncer_databases_pool_size")
    assert sizes == sum(pool.size for pool in console)
    assert value(found, "pods_pool_target", pool="other", access="write", node="primary") == 1


def test_pgbouncer_down_hides_no_container(web: Web) -> None:
    web.cluster.compose("stop", "pgbouncer")
    try:
        found = web.metrics()
        assert value(found, "pgbouncer_up") == 0
        assert value(found, "pods_gate_up") == 1
    finally:
        web.cluster.inv.ok("up")


def test_five_hundred_scrapes_at_once_cost_few_connections_and_leave_none(web: Web) -> None:
    asked = "SELECT sessions FROM pg_stat_database WHERE datname = 'postgres'"
    before = web.cluster.query(asked)[0]["sessions"]
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: web.exporter("/probe?target=primary"), range(AT_ONCE)))
    assert {answer.status for answer in answers} == {200}
    assert all("pg_up 1.0" in answer.body for answer in answers)
    after = web.cluster.query(asked)[0]["sessions"]
    assert after - before < AT_ONCE / 2
    left = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'pods_exporter'"
    eventually(lambda: web.cluster.query(left)[0]["n"] == 0, 5, "no connection is left")


def test_only_the_gate_has_the_engines_socket_and_no_network_leads_to_it(web: Web) -> None:
    cluster = web.cluster
    for service in cluster.stack.services:
        inspected = json.loads(cluster.docker("inspect", cluster.container(service)))[0]
        sockets = [mount for mount in inspected["Mounts"] if mount["Source"].endswith("docker.sock")]
        assert bool(sockets) == (service == "gate"), service
        assert inspected["HostConfig"]["Privileged"] is False
        assert inspected["HostConfig"]["ReadonlyRootfs"] is True
        assert inspected["Config"]["User"] not in ("", "0", "root", "0:0")
        if service == "gate":
            assert inspected["HostConfig"]["NetworkMode"] == "none"
            assert not inspected["HostConfig"]["PortBindings"]


def test_the_monitoring_role_can_write_nothing(web: Web) -> None:
    rights = web.cluster.query(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolconnlimit "
        "FROM pg_roles WHERE rolname = 'monitor'"
    )[0]
    assert rights == {
        "rolsuper": False, "rolcreaterole": False, "rolcreatedb": False, "rolreplication": False,
        "rolbypassrls": False, "rolconnlimit": 20,
    }  # fmt: skip


def test_prometheus_scrapes_all_of_it_and_follows_replicas_without_a_reload(web: Web) -> None:
    cluster, names = web.cluster, set(web.cluster.stack.topology.names)
    eventually(lambda: web.targets() == dict.fromkeys(names, "up"), 20, "every node is scraped")
    assert web.targets("pods-stack") == {"pods": "up"}
    assert set(web.targets("prometheus").values()) == {"up"}
    assert set(web.targets("alertmanager").values()) == {"up"}
    cluster.inv.ok("replica.add", "--name", "watched")
    try:
        eventually(lambda: "watched" in web.targets(), 15, "the new replica is followed")
        look = cluster.stack.settings.scrape_interval
        eventually(lambda: web.targets().get("watched") == "up", look + 5, "the new replica is scraped")
        assert web.prometheus("query", query='pg_up{instance="watched"}')["result"]
    finally:
        cluster.inv.ok("replica.remove", "--name", "watched", "--purge", "--yes")
    eventually(lambda: "watched" not in web.targets(), 15, "the old replica is forgotten")


def _refused(cluster: Cluster, service: str, database: str, user: str) -> None:
    wrong = replace(cluster.access(service, passwords.APP, database), user=user, password="wrong")
    with pytest.raises(MachineError), connect(wrong):
        pass


def test_refused_logins_are_counted_on_both_faces_and_to_the_last(web: Web) -> None:
    """What PgBouncer refuses no server hears of."""
    hostile = 'x\nWARNING C-0x1: a/app@8.8.8.8:1 pooler error: no such user","state_code":"28P01'
    tried = {("pgbouncer", "app"): 30, ("primary", "app"): 30, ("replica1", "other"): 3, ("pgbouncer", "other"): 2}

    def counts() -> dict[tuple[str, str], float]:
        found = web.metrics()
        return {
            (server, role): value(found, "pods_failed_logins_total", server=server, role=role, source="host") or 0.0
            for server, role in tried
        }

    before = counts()
    for (server, role), times in tried.items():
        database = "appdb_write" if server == "pgbouncer" else "appdb"
        for _ in range(times):
            _refused(web.cluster, server, database, "app" if role == "app" else hostile)
    eventually(lambda: counts() == {each: before[each] + times for each, times in tried.items()}, 30)
    named = web.cluster.inv.ok("logs", "primary", "--json", "--lines", "30").out.splitlines()
    assert [json.loads(line)["role"] for line in named] == ["app"] * 30
    shown = web.cluster.inv.ok("logs", "--lines", "40").out
    assert all(letter.isprintable() or letter == "\n" for letter in shown)


def test_metrics_survive_down_and_up(web: Web) -> None:
    query = {"query": "count_over_time(pg_up{instance='primary'}[1h])"}
    before = float(web.prometheus("query", **query)["result"][0]["value"][1])
    web.cluster.inv.ok("down")
    web.cluster.inv.ok("up")

    def more() -> bool:
        result = web.prometheus("query", **query)["result"]
        return bool(result) and float(result[0]["value"][1]) > before

    eventually(more, 30, "old and new samples")
