"""From nothing to a verified cluster, and `up` again, which changes nothing."""

import json
from pathlib import Path

from cluster.waiting import wait_until
from tests.fix_stack import Cluster
from tests.fix_web import Web


def _mtimes(home: Path) -> dict[str, float]:
    watched = [
        home / "compose.yaml",
        home / "data" / "topology.json",
        *(home / "rendered").rglob("*"),
        *(home / "secrets").rglob("*"),
    ]
    return {str(path): path.stat().st_mtime_ns for path in watched}


def test_status_shows_every_node_and_pool(cluster: Cluster) -> None:
    report = json.loads(cluster.inv.ok("status", "--json").out)
    assert report["healthy"]
    assert report.keys() == cluster.status().keys()
    assert [(n["name"], n["role"], n["state"]) for n in report["nodes"]] == [
        ("primary", "primary", "running"),
        ("replica1", "replica", "streaming"),
        ("replica2", "replica", "streaming"),
    ]
    assert {p["name"]: p["target"] for p in report["pools"]} == {
        "appdb": ["primary"],
        "appdb_write": ["primary"],
        "appdb_read": ["replica1", "replica2"],
        "appdb_read1": ["replica1"],
        "appdb_read2": ["replica2"],
    }
    for node in report["nodes"]:
        assert node["timeline"] == 1
        assert node["lsn"]
        assert node["uptime"] > 0
        assert node["io_method"] in ("io_uring", "worker")
    for node in report["nodes"][1:]:
        assert node["slot"] == f"{node['name']}_slot"
        assert node["wal_status"] == "reserved"
        assert node["lag_bytes"] is not None


def test_the_table_says_the_same(cluster: Cluster) -> None:
    text = cluster.inv.ok().out  # status is the default task
    assert "replica2_slot" in text
    assert "is healthy" in text


def test_no_alert_fires_or_is_about_to(cluster: Cluster) -> None:
    def alerts() -> str:
        known = Web(cluster).prometheus("alerts")["alerts"]
        return ", ".join(sorted({alert["labels"]["alertname"] for alert in known} - {"PodsWatchdog"}))

    wait_until(lambda: "" if Web(cluster).prometheus("alerts")["alerts"] else "nothing", timeout=60, what="", hint="")
    wait_until(alerts, timeout=90, what="a healthy cluster is said to be ill", hint="", pause=1)


def test_up_again_changes_nothing(cluster: Cluster) -> None:
    before = {s: (c.id, c.started) for s, c in cluster.stack.containers().items()}
    files = _mtimes(cluster.home.path)
    cluster.inv.ok("up")
    assert {s: (c.id, c.started) for s, c in cluster.stack.containers().items()} == before
    assert _mtimes(cluster.home.path) == files


def test_up_says_how_to_connect_and_no_password(cluster: Cluster) -> None:
    result = cluster.inv.ok("up")
    assert f"{cluster.stack.settings.pgbouncer_port}/appdb?" in result.out
    assert "secrets/app_password" in result.out
    assert all(password not in result.out + result.err for password in cluster.stack.passwords.by_name.values())


def test_plain_compose_works_from_the_home(cluster: Cluster) -> None:
    rows = [json.loads(line) for line in cluster.compose("ps", "--format", "json").splitlines()]
    assert {row["Service"] for row in rows} == set(cluster.stack.services)
    assert {"primary", "replica1", "replica2", "pgbouncer", "exporter", "health", "backup", "prometheus"} < set(
        cluster.stack.services
    )
    assert {row["Health"] for row in rows} == {"healthy"}
    assert "postgres" in cluster.compose("exec", "-T", "primary", "id", "-un")
    assert "ready to accept" in cluster.compose("logs", "primary")


def test_logs_as_text_and_as_json(cluster: Cluster) -> None:
    text = cluster.inv.ok("logs", "--service", "primary", "--lines", "500").out
    assert "database system is ready" in text
    # what PODS itself asks leaves no trace: it did, twice a second
    assert "unexpected eof" not in text
    assert "reset by peer" not in text
    lines = cluster.inv.ok("logs", "--service", "replica1", "--json").out.splitlines()
    assert {json.loads(line)["service"] for line in lines} == {"replica1"}


def test_psql_through_pools_and_on_nodes(cluster: Cluster) -> None:
    who = "SELECT current_user || ' ' || pg_is_in_recovery()"
    assert "app false" in cluster.inv.ok("psql", "--command", who).out
    assert "app true" in cluster.inv.ok("psql", "--pool", "appdb_read", "--command", who).out
    assert "app true" in cluster.inv.ok("psql", "--node", "replica2", "--command", who).out
    assert "postgres false" in cluster.inv.ok("psql", "--superuser", "--node", "primary", "--command", who).out
    assert "from stdin" in cluster.inv.ok("psql", stdin="SELECT 'from stdin'").out
    failed = cluster.inv("psql", "--command", "SELECT nonsense")
    assert failed.code != 0
    assert "nonsense" in failed.err


def test_replica_list_shows_replicas_only(cluster: Cluster) -> None:
    rows = json.loads(cluster.inv.ok("replica.list", "--json").out)
    assert [row["name"] for row in rows] == ["replica1", "replica2"]


def test_doctor_finds_nothing_wrong(cluster: Cluster) -> None:
    findings = json.loads(cluster.inv("doctor", "--json").out)
    subjects = {finding["subject"] for finding in findings}
    assert {"engine", "clock", "ports", "disk", "memory", "io_uring"} <= subjects
    assert [f for f in findings if f["hurts"] and f["subject"] not in ("disk", "io_uring")] == []


def test_configuration_is_as_rendered(cluster: Cluster) -> None:
    assert "generated files: as they should be" in cluster.inv.ok("config.check").err
    assert cluster.inv.ok("config.render", "--diff").out == ""
    assert "primary_slot_name = 'replica1_slot'" in cluster.inv.ok("config.render").out
