"""Bad luck: things killed, paused, deleted, lost. `up` is always the repair, and no acknowledged commit is lost."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from cluster.errors import MachineError
from cluster.postgres.connection import Access, connect
from cluster.postgres.data_directory import PGDATA
from cluster.postgres.lsn import Lsn
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.engine.containers import send_signal
from compose.home import passwords
from compose.operations.replicas.damage import damage, streams_from
from tests.fix_chaos import walk
from tests.fix_images import image
from tests.fix_lanes import run_label
from tests.fix_ledger import Ledger
from tests.fix_stack import Cluster
from tests.fix_wait import eventually

MakeLedger = Callable[[Access], Ledger]


def _wait_healthy(cluster: Cluster, timeout: float = 60) -> None:
    wait_until(
        lambda: "; ".join(cluster.status()["reasons"]),
        timeout=timeout,
        what="the cluster did not heal",
        hint="",
        pause=0.5,
    )


def test_kill_9_of_the_primary_under_load_loses_no_acknowledged_commit(
    cluster: Cluster, make_ledger: MakeLedger
) -> None:
    ledger = make_ledger(cluster.access())
    servers = []
    with ledger.running():
        ledger.wait_for(200)
        for _ in range(2):
            servers.append(cluster.main_pid("primary"))
            os.kill(servers[-1], signal.SIGKILL)
            ledger.wait_for(200)  # Docker restarts it, PgBouncer reconnects, nobody lends a hand
    # clients between two transactions only wait, so none need have had an error
    assert len({*servers, cluster.main_pid("primary")}) == 3, "each kill was followed by a new server"
    ledger.check(cluster.query)
    cluster.same_everywhere()
    _wait_healthy(cluster)


@pytest.mark.parametrize("service", ["primary", "replica1", "pgbouncer"])
def test_up_brings_back_a_killed_container(cluster: Cluster, service: str) -> None:
    cluster.docker("kill", cluster.container(service))
    result = cluster.inv("status")
    assert result.code == 2
    assert ("PgBouncer" if service == "pgbouncer" else service) in result.out
    cluster.inv.ok("up")


@pytest.mark.parametrize("service", ["primary", "replica1", "pgbouncer"])
def test_what_was_signalled_is_started_again_when_it_dies(cluster: Cluster, service: str) -> None:
    """A container that the engine itself signals is to it one that somebody has stopped."""
    container = cluster.stack.containers()[service]
    send_signal(cluster.stack.client, container.id, "HUP")
    os.kill(cluster.main_pid(service), signal.SIGKILL)
    eventually(lambda: cluster.stack.containers()[service].restarts > container.restarts, 60, "it is started again")
    _wait_healthy(cluster, 120)


def test_up_brings_back_a_removed_and_a_paused_container(cluster: Cluster) -> None:
    cluster.docker("rm", "--force", cluster.container("replica2"))
    cluster.docker("pause", cluster.container("replica1"))
    report = cluster.inv("status")
    assert report.code == 2
    assert "replica1 (replica) does not answer" in report.out
    cluster.inv.ok("up")


def test_reads_go_on_while_a_replica_is_down(cluster: Cluster) -> None:
    cluster.docker("stop", cluster.container("replica1"))
    for _ in range(10):
        with connect(cluster.access(database="appdb_read")) as connection:
            row = connection.execute("SELECT current_setting('cluster_name') AS node").fetchone()
            assert row == {"node": "replica2"}
    cluster.inv.ok("up")


def _leads_to(cluster: Cluster) -> set[str]:
    """Nodes of the pool of all readers, as PgBouncer has them now."""
    return {host for pool in cluster.stack.snapshot().pooler.pools if pool.name == "appdb_read" for host in pool.hosts}


def test_a_node_that_comes_back_at_another_address_is_reached_there(cluster: Cluster) -> None:
    """The engine's DNS lets a resolver keep an address for ten minutes, and gives it away when its container stops."""
    node, network = cluster.container("replica1"), f"{cluster.stack.topology.project}_nodes"

    def address(container: str) -> str:
        shown = f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
        return cluster.docker("inspect", "--format", shown, container).strip()

    def reached() -> str:
        try:
            with connect(cluster.access(database="appdb_read1")) as connection:
                return str(connection.execute("SELECT host(inet_server_addr()) AS address").fetchall()[0]["address"])
        except (MachineError, psycopg.Error) as error:
            return str(error)

    before = address(node)
    assert reached() == before
    cluster.docker("stop", node)
    run = ["run", "--detach", "--rm", *run_label(), "--network", network, "--entrypoint", "sleep", image(), "120"]
    heirs: list[str] = []
    try:
        while not heirs or address(heirs[-1]) != before:  # the next one that is free is not always that one
            assert len(heirs) < 20, "the engine gave the address to nobody"
            heirs.append(cluster.docker(*run).strip())
        cluster.docker("start", node)
        wanted = address(node)
        eventually(lambda: reached() == wanted, 60, f"replica1 at {wanted}", pause=1)
    finally:
        cluster.docker("start", node)
        cluster.docker("rm", "--force", *heirs)


def test_a_silent_replica_holds_no_reader_for_long_and_comes_back_by_itself(cluster: Cluster) -> None:
    both = {"replica1", "replica2"}
    eventually(lambda: _leads_to(cluster) == both, 60, "both replicas are read from")
    with ExitStack() as clients, ThreadPoolExecutor() as threads:
        held: dict[str, psycopg.Connection[Any]] = {}
        for _ in range(20):  # a transaction keeps its server connection; the next client gets another one
            client = clients.enter_context(connect(cluster.access(database="appdb_read")))
            client.autocommit = False
            held.setdefault(
                client.execute("SELECT current_setting('cluster_name') AS name").fetchall()[0]["name"], client
            )
            if held.keys() == both:
                break
        cluster.docker("pause", cluster.container("replica1"))
        try:
            waits = threads.submit(held["replica1"].execute, "SELECT 1")
            eventually(lambda: _leads_to(cluster) == {"replica2"}, 60, "the silent one is out")
            assert cluster.query("SELECT 1 AS one", "pgbouncer", passwords.APP, "appdb_read") == [{"one": 1}]
            with pytest.raises(psycopg.OperationalError, match="admin forced disconnect"):
                waits.result(60)
            assert held["replica2"].execute("SELECT 1 AS one").fetchall() == [{"one": 1}]
        finally:
            cluster.docker("unpause", cluster.container("replica1"))
        eventually(lambda: _leads_to(cluster) == both, 60, "it is back")


def test_a_replica_whose_link_was_cut_catches_up_by_itself(cluster: Cluster) -> None:
    network = f"{cluster.stack.topology.project}_nodes"
    cluster.docker("network", "disconnect", network, cluster.container("replica1"))
    cluster.query("CREATE TABLE IF NOT EXISTS while_cut AS SELECT generate_series(1, 1000) AS n")
    cluster.docker("network", "connect", "--alias", "replica1", network, cluster.container("replica1"))
    _wait_healthy(cluster)
    cluster.same_everywhere()


def test_a_replica_with_damaged_data_is_cloned_anew_and_the_old_data_is_kept(cluster: Cluster) -> None:
    before = set(cluster.home.aside.glob("replica2-*"))
    cluster.docker("stop", cluster.container("replica2"))
    (cluster.home.node("replica2") / PGDATA / "global" / "pg_control").unlink()
    result = cluster.inv.ok("up")
    assert "replica2 is cloned anew, because its data is not whole" in result.err
    (kept,) = set(cluster.home.aside.glob("replica2-*")) - before
    assert (kept / "PG_VERSION").exists()
    cluster.same_everywhere()
    shutil.rmtree(cluster.home.aside)


def test_a_replica_that_does_not_start_is_cloned_anew(cluster: Cluster) -> None:
    cluster.docker("stop", cluster.container("replica2"))
    shutil.rmtree(cluster.home.node("replica2") / PGDATA / "pg_wal")
    shutil.rmtree(cluster.home.node("replica2") / PGDATA / "pg_xact")
    result = cluster.inv.ok("up")
    assert "replica2 is cloned anew, because it does not start" in result.err
    cluster.same_everywhere()
    shutil.rmtree(cluster.home.aside)


def test_no_line_that_a_stranger_writes_into_the_log_costs_a_replica_its_data(cluster: Cluster) -> None:
    """A login without a password as a name with a line break in it; `up` used to read PANIC, and to clone."""
    forged = "x\n2026-01-01 00:00:00.000 UTC [1] PANIC:  could not locate a valid checkpoint record"
    with pytest.raises(MachineError), connect(replace(cluster.access("replica1"), user=forged)):
        pass
    log = cluster.compose("logs", "--no-log-prefix", "--tail=20", "replica1")
    assert "\n2026-01-01 00:00:00.000 UTC [1] PANIC:" in log
    assert damage(cluster.stack, Progress(Console(), ""), "replica1") == ""


def test_the_primary_says_itself_from_where_it_would_stream(cluster: Cluster) -> None:
    facts = cluster.stack.snapshot().nodes["replica1"].facts
    assert facts is not None
    assert streams_from(cluster.stack, facts.lsn, facts.timeline)
    assert not streams_from(cluster.stack, facts.lsn, facts.timeline + 1)  # another history
    assert not streams_from(cluster.stack, Lsn(int(facts.lsn) + (1 << 34)), facts.timeline)  # ahead of it
    assert not streams_from(cluster.stack, Lsn(1 << 24), facts.timeline)  # gone since the first clone


def test_a_replica_that_would_be_a_second_primary_is_not_started(cluster: Cluster) -> None:
    cluster.docker("stop", cluster.container("replica1"))
    (cluster.home.node("replica1") / PGDATA / "standby.signal").unlink()
    cluster.docker("start", cluster.container("replica1"))
    wait_until(
        lambda: "" if "second primary" in cluster.compose("logs", "--tail=5", "replica1") else "no refusal in its log",
        timeout=20,
        what="replica1 started",
        hint="",
    )
    result = cluster.inv.ok("up")
    assert "would start as a second primary" in result.err
    cluster.same_everywhere()
    shutil.rmtree(cluster.home.aside)


def test_a_replica_that_lost_its_slot_is_named_and_cloned_anew(cluster: Cluster) -> None:
    cluster.docker("stop", cluster.container("replica1"))
    cluster.query("ALTER SYSTEM SET max_wal_size = '32MB'")
    cluster.query("SELECT pg_reload_conf()")
    try:
        _outgrow_the_budget(cluster, "replica1_slot")
        report = cluster.inv("status")
        assert report.code == 2
        assert "replica1 has lost its place in the WAL" in report.out
        assert "run: inv replica.reclone --name replica1" in report.out
        result = cluster.inv.ok("up")
        assert "it lost its place in the WAL" in result.err
    finally:
        cluster.query("ALTER SYSTEM RESET max_wal_size")
        cluster.query("SELECT pg_reload_conf()")
    cluster.query("DROP TABLE bulk")
    cluster.same_everywhere()
    shutil.rmtree(cluster.home.aside)


def _outgrow_the_budget(cluster: Cluster, slot: str) -> None:
    """Write more WAL than the budget keeps, until the slot is lost."""
    cluster.query("ALTER SYSTEM SET max_slot_wal_keep_size = '48MB'")
    cluster.query("SELECT pg_reload_conf()")
    cluster.query("CREATE TABLE bulk (t text)")
    try:
        for _ in range(40):
            cluster.query("INSERT INTO bulk SELECT repeat(md5(n::text), 20) FROM generate_series(1, 20000) n")
            cluster.query("SELECT pg_switch_wal()")
            cluster.query("CHECKPOINT")
            if cluster.query(f"SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{slot}'") == [
                {"wal_status": "lost"}
            ]:
                return
        raise AssertionError("the slot was not lost")
    finally:
        cluster.query("ALTER SYSTEM RESET max_slot_wal_keep_size")
        cluster.query("SELECT pg_reload_conf()")


def test_a_second_operation_is_refused_with_who_holds_the_lock(cluster: Cluster) -> None:
    cluster.docker("pause", cluster.container("replica2"))  # keeps the first one busy verifying
    cluster.docker("stop", cluster.container("replica1"))
    first = cluster.inv.start("up")
    try:
        wait_until(
            lambda: "" if str(first.pid) in cluster.home.lock.read_text() else "nobody holds it",
            timeout=20,
            what="the first does not begin",
            hint="",
            pause=0.02,
        )
        second = cluster.inv("restart")
        assert second.code == 3
        assert f"inv up (pid {first.pid}" in second.err
    finally:
        first.wait(120)
    assert first.returncode == 0


@pytest.mark.parametrize("moment", walk([0.15, 0.5, 1.0, 1.6, 2.3, 3.2], sample=(1.6,)))
def test_up_killed_at_any_moment_is_repaired_by_the_next(lone: Cluster, moment: float) -> None:
    process = lone.inv.start("up")
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    lone.inv.ok("up")
    assert lone.status()["healthy"]
    lone.query("CREATE TABLE t AS SELECT generate_series(1, 100) AS n")
    assert lone.same_everywhere()["public.t"][0] == 100
    leftovers = [
        c for c in lone.docker("ps", "-a", "--format", "{{.Names}}").split() if lone.stack.topology.project in c
    ]
    assert len(leftovers) == 4  # primary, replica1, pgbouncer, haproxy
    assert not list(lone.home.data.glob("*/18/.new"))
