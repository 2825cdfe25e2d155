"""Yesterday's data next to today's: copies beside a live cluster, which never notices them."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.errors import MachineError
from cluster.topology import host_ports
from cluster.waiting import wait_until
from tests.fix_backup import Kept, utc
from tests.fix_chaos import walk

TIMELINE = "SELECT timeline_id, system_identifier::text FROM pg_control_checkpoint(), pg_control_system()"
SLOTS = "SELECT slot_name, active FROM pg_replication_slots ORDER BY 1"
SLOT = "SELECT pg_create_physical_replication_slot('x')"
SENDERS = "SELECT application_name FROM pg_stat_replication ORDER BY 1"


@contextmanager
def _copy(kept: Kept, name: str, *arguments: str) -> Iterator[dict[str, Any]]:
    """A copy while the body runs, as `inv status` tells of it; nothing of it is left behind."""
    kept.inv.ok("backup.restore", "--as-node", name, *arguments)
    try:
        (row,) = [copy for copy in kept.status()["copies"] if copy["name"] == name]
        yield row
    finally:
        kept.inv.ok("backup.discard", name, "--yes")
        assert not _traces(kept, name)


def _traces(kept: Kept, name: str) -> list[Path | str]:
    """What is there of a copy, apart from what was put aside."""
    home = kept.home
    paths = [home.copy(name), home.unfinished_copy(name), home.tls / name, home.rendered / "copies" / name]
    listed = kept.docker("ps", "--all", "--format", "{{.Names}}").split()
    project = kept.stack.topology.project
    containers = [each for each in listed if each in (f"{project}-{name}-1", f"{project}.{name}-restore")]
    entered = [copy.name for copy in kept.stack.topology.copies if copy.name == name]
    return [*(path for path in paths if path.exists()), *containers, *entered]


def _cluster(kept: Kept) -> tuple[Any, ...]:
    """What a copy must leave as it is: timeline, identity, slots, walsenders, pools, nodes, the archive's way."""
    told = kept.status()
    nodes = [(node["name"], node["role"], node["state"], node["slot"]) for node in told["nodes"]]
    pools = [(pool["name"], pool["target"]) for pool in told["pools"]]
    archive = (kept.archive().timeline, kept.archive().streaming, kept.missing())
    inside = [kept.query(sql) for sql in (TIMELINE, SLOTS, SENDERS)]
    return told["healthy"], nodes, pools, archive, inside


def _refused(kept: Kept, sql: str, name: str, secret: str = "app") -> str:
    """Why a server does not do it."""
    import psycopg

    with pytest.raises((psycopg.Error, MachineError)) as refusal:
        kept.query(sql, name, secret)
    return str(refusal.value)


def test_a_dropped_table_is_read_beside_the_cluster_with_today_s_password(kept: Kept) -> None:
    with_app = ("pgbouncer", "app", "appdb_write")
    kept.query("CREATE TABLE orders AS SELECT generate_series(1, 1000) AS n", *with_app)
    kept.query("ALTER ROLE app PASSWORD 'the password of yesterday'")
    time.sleep(0.3)
    moment = time.time()
    time.sleep(0.3)
    kept.inv.ok("up")  # sees that the password is not that of secrets/, and sets it
    kept.query("DROP TABLE orders", *with_app)
    kept.wait_archived()
    as_it_was = _cluster(kept)
    with _copy(kept, "before", "--to-time", utc(moment)) as copy:
        assert (copy["state"], copy["writable"]) == ("running", False)
        assert moment - 60 < copy["newest"] <= moment
        assert kept.query("SELECT count(*) AS n FROM orders", "before", "app") == [{"n": 1000}]
        assert "1000" in kept.inv.ok("psql", "--node", "before", "--command", "SELECT count(*) FROM orders").out
        for secret in ("app", "superuser"):
            assert "read-only transaction" in _refused(kept, "INSERT INTO orders VALUES (0)", "before", secret)
            assert "read-only transaction" in _refused(kept, "CREATE TEMP TABLE t (n int)", "before", secret)
        assert "rejects connection" in _refused(kept, "SELECT 1", "before", "replication")
        assert kept.query(SLOTS, "before") == []
        assert "max_replication_slots" in _refused(kept, SLOT, "before", "superuser")
        assert _cluster(kept) == as_it_was
        assert "before" in kept.compose("ps", "--services").split()
        assert f"port {copy['port']}" in kept.inv.ok("status").out
        assert "before" not in _discovered(kept)
        kept.inv.ok("restart", "--node", "before")
        assert "Starting" not in kept.inv.ok("up").err
        wait_until(lambda: "" if kept.archive().streaming else "no", timeout=20, what="the archive stopped", hint="")
    assert _cluster(kept) == as_it_was
    dropped = kept.query("SELECT to_regclass('orders') IS NULL AS gone", *with_app)
    assert dropped == [{"gone": True}]


def _discovered(kept: Kept) -> str:
    """What the exporter tells Prometheus to scrape."""
    port = kept.stack.settings.exporter_port
    told = httpx.get(f"http://127.0.0.1:{port}/sd", auth=kept.login("exporter"), trust_env=False, timeout=10).text
    assert "replica1" in told
    return told


@pytest.mark.chaos
@pytest.mark.walk
def test_a_replica_that_comes_and_goes_does_not_move_a_copy_nor_is_one(kept: Kept) -> None:
    with _copy(kept, "before") as copy:
        kept.inv.ok("replica.add", "--name", "beside")
        ports = host_ports(kept.stack.settings, kept.stack.topology)
        assert (ports["before"], len(set(ports.values()))) == (copy["port"], len(ports))
        assert kept.inv("replica.add", "--name", "before").code == 3
        assert kept.inv("replica.remove", "--name", "before", "--yes").code == 3
        assert kept.inv("replica.add", "--name", "other", "--source", "before").code == 3
        kept.inv.ok("replica.remove", "--name", "beside", "--purge", "--yes", "--timeout", "0")
        assert kept.query("SELECT 1 AS one", "before", "app") == [{"one": 1}]


def test_a_writable_copy_takes_writes_and_what_was_written_is_kept(kept: Kept) -> None:
    aside = set(kept.home.aside.iterdir()) if kept.home.aside.exists() else set()
    with _copy(kept, "scratch", "--writable") as copy:
        assert copy["writable"]
        kept.query("CREATE TABLE scribble AS SELECT 1 AS n", "scratch")
        assert kept.query("SHOW archive_mode", "scratch") == [{"archive_mode": "off"}]
        assert kept.query("SELECT n FROM scribble", "scratch") == [{"n": 1}]
        assert kept.query("SELECT to_regclass('scribble') IS NULL AS apart") == [{"apart": True}]
        kept.wait_archived()
        assert kept.missing() == []
        assert kept.inv("backup.discard", "scratch", stdin="scratch\n").code == 3, "no terminal, nobody confirmed it"
    (new,) = set(kept.home.aside.iterdir()) - aside
    assert new.name.startswith("scratch-")
    assert (new / "PG_VERSION").exists()


def test_a_copy_killed_while_it_is_restored_is_no_copy_and_the_same_command_makes_it(kept: Kept) -> None:
    restoring = kept.inv.start("backup.restore", "--as-node", "killed")
    unfinished = kept.home.unfinished_copy("killed")
    begun = lambda: "" if list(unfinished.glob("18/docker/*")) else "not yet"  # noqa: E731
    wait_until(begun, timeout=60, what="it did not begin", hint="", pause=0.02)
    os.kill(restoring.pid, signal.SIGKILL)  # the container that restores is not hit, and goes on
    restoring.wait(10)
    assert kept.status()["copies"] == []
    assert not kept.home.copy("killed").exists()
    assert kept.inv("backup.discard", "killed", "--yes").code == 3
    with _copy(kept, "killed") as copy:
        assert copy["state"] == "running"


@pytest.mark.parametrize("boundary", walk([1, 3], sample=(3,)))
def test_up_after_a_kill_throws_away_what_was_not_finished_and_starts_what_was(kept: Kept, boundary: int) -> None:
    result = kept.inv.interrupted("KILL", boundary, "backup.restore", "--as-node", "half")
    assert result.code == -signal.SIGKILL, result
    kept.inv.ok("up")
    if boundary == 1:
        assert not _traces(kept, "half")
    else:
        assert [copy["state"] for copy in kept.status()["copies"]] == ["running"]
        kept.inv.ok("backup.discard", "half", "--yes")


def test_an_interrupted_restore_takes_the_copy_back(kept: Kept) -> None:
    topology = kept.stack.topology
    result = kept.inv.interrupted("INT", 4, "backup.restore", "--as-node", "half")
    assert result.err.count("↩ taken back") == 3, result
    assert not _traces(kept, "half")
    assert kept.stack.topology == topology


def test_what_cannot_be_done_is_refused_before_anything_is_touched(kept: Kept) -> None:
    before = kept.stack.topology
    for code, arguments in (
        (3, ["--as-node", "primary"]),
        (3, ["--as-node", "replica1"]),
        (3, ["--as-node", "../x"]),
        (3, ["--as-node", "x", "--to-time", "2020-01-01T00:00:00Z"]),
        (1, ["--as-node", "x", "--plan"]),
        (1, ["--plan", "--writable"]),
    ):
        assert kept.inv("backup.restore", *arguments).code == code, arguments
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", kept.stack.settings.replica_port + 2))
        taken.listen()
        refused = kept.inv("backup.restore", "--as-node", "x")
    assert refused.code == 4, refused
    assert "wanted for x, is in use" in refused.err
    assert kept.stack.topology == before
    assert not _traces(kept, "x")
