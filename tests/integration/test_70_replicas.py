"""Replicas come and go while clients work: journeys, refusals, interruptions at every step, random order."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from cluster.config.env_file import PROJECT_ROOT
from cluster.errors import PodsError
from cluster.naming import ARCHIVE_SLOT
from cluster.postgres.connection import Access, connect
from cluster.waiting import wait_until
from compose.home import passwords
from tests.fix_chaos import walk
from tests.fix_inv import Result
from tests.fix_ledger import Ledger
from tests.fix_stack import Cluster

MakeLedger = Callable[[Access], Ledger]


@pytest.fixture(scope="module", autouse=True)
def as_before(shared: Cluster) -> Iterator[None]:
    """Leave two replicas, replica1 and replica2, whatever happened."""
    yield
    for name in ("replica1", "replica2"):
        if name not in shared.stack.topology.names:
            shared.inv("replica.add", "--name", name)
    for name in set(shared.stack.topology.names) - {"primary", "replica1", "replica2"}:
        shared.inv("replica.remove", "--name", name, "--purge", "--yes", "--timeout", "0")
    shutil.rmtree(shared.home.aside, ignore_errors=True)


def _clean(cluster: Cluster, replicas: set[str]) -> None:
    """Exactly these replicas, and nothing of any other anywhere."""
    stack = cluster.stack
    assert {n.name for n in stack.topology.replicas} == replicas
    assert {n.state for n in stack.topology.replicas} <= {"member"}
    others = {"pgbouncer", "haproxy", *stack.optional_services}
    assert set(stack.containers()) == {"primary", *others, *replicas}
    slots = {r["slot_name"] for r in cluster.query("SELECT slot_name FROM pg_replication_slots")}
    assert slots - {ARCHIVE_SLOT} == {f"{name}_slot" for name in replicas}
    assert {p["name"] for p in cluster.status()["pools"]} == set(stack.pools)
    for directory in (cluster.home.data, cluster.home.rendered / "nodes", cluster.home.tls):
        found = {p.name for p in directory.iterdir() if p.is_dir() and not p.name.startswith(".")}
        assert found - {*others, "backups", "grafana", "logs"} == {"primary", *replicas}, directory
    assert not list(cluster.home.data.glob("*/18/.new"))
    report = cluster.inv("status")
    assert report.code == 0, report


@contextmanager
def _statement_running(cluster: Cluster, pool: str, node: str) -> Iterator[None]:
    """A client whose statement, on ``pool``, runs from before the body to after it and must end well.

    It waits for an advisory lock that a session on ``node`` itself holds.
    """
    outcome: list[object] = []

    def work() -> None:
        try:
            with connect(cluster.access(database=pool)) as connection:
                outcome.append(connection.execute("SELECT pg_advisory_xact_lock(42), 'well' AS ended").fetchone())
        except (psycopg.Error, PodsError) as error:
            outcome.append(error)

    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    thread = threading.Thread(target=work)
    with connect(cluster.access(node, passwords.SUPERUSER, "appdb")) as holder:
        holder.execute("SELECT pg_advisory_lock(42)")
        thread.start()
        wait_until(lambda: "" if holder.execute(waiting).fetchone() else "not waiting", timeout=20, what=pool, hint="")
        yield
        assert outcome == [], f"the statement was disturbed: {outcome}"
    thread.join(30)
    assert isinstance(outcome[0], dict), outcome


def test_a_replica_is_added_and_removed_without_disturbing_anybody(cluster: Cluster, make_ledger: MakeLedger) -> None:
    others = {s: (c.id, c.started) for s, c in cluster.stack.containers().items()}
    before = set(cluster.home.aside.glob("replica3-*"))
    ledger = make_ledger(cluster.access())
    with (
        ledger.running(),
        _statement_running(cluster, "appdb_write", "primary"),
        _statement_running(cluster, "appdb_read1", "replica1"),
    ):
        result = cluster.inv.ok("replica.add")
        assert "replica3 is a member" in result.out
        assert "Cloning replica3 from replica" in result.err  # a replica is the source, to spare the primary
        where = cluster.query("SELECT current_setting('cluster_name') AS node", "pgbouncer", "app", "appdb_read3")
        assert where == [{"node": "replica3"}]
        _clean(cluster, {"replica1", "replica2", "replica3"})
        cluster.inv.ok("replica.remove", "--name", "replica3", "--yes")
        _clean(cluster, {"replica1", "replica2"})
    assert ledger.errors == []
    ledger.check(cluster.query)
    cluster.same_everywhere()
    assert {s: (c.id, c.started) for s, c in cluster.stack.containers().items()} == others
    (kept,) = set(cluster.home.aside.glob("replica3-*")) - before
    assert (kept / "PG_VERSION").exists()


def test_a_replica_of_a_given_name_source_and_rate_is_removed_once_its_clients_left_or_were_cut_off(
    cluster: Cluster,
) -> None:
    cluster.inv.ok("replica.add", "--name", "blue_2", "--source", "primary", "--max-rate", "200M")
    report = cluster.status()
    assert next(p for p in report["pools"] if p["name"] == "appdb_read_blue_2")["target"] == ["blue_2"]
    assert cluster.same_everywhere() is not None
    with connect(cluster.access(database="appdb_read_blue_2")) as held:
        held.execute("SELECT 1")
        began = time.monotonic()
        result = cluster.inv.ok("replica.remove", "--name", "blue_2", "--purge", "--yes", "--timeout", "2")
        assert time.monotonic() - began >= 2
        assert "1 clients are cut off" in result.err
        with pytest.raises(psycopg.Error):
            held.execute("SELECT 1")
    _clean(cluster, {"replica1", "replica2"})
    assert not list(cluster.home.aside.glob("blue_2-*"))


def test_a_base_replica_is_removed_and_added_like_any_other(cluster: Cluster) -> None:
    port = cluster.node("replica1")["port"]
    cluster.inv.ok("replica.remove", "--name", "replica1", "--yes")
    _clean(cluster, {"replica2"})
    assert "replica1 is a member" in cluster.inv.ok("replica.add").out
    assert cluster.node("replica1")["port"] == port
    _clean(cluster, {"replica1", "replica2"})


def test_reclone_rebuilds_and_keeps_the_old_data(cluster: Cluster) -> None:
    shutil.rmtree(cluster.home.aside, ignore_errors=True)
    cluster.inv.ok("replica.reclone", "--name", "replica2")
    assert len(list(cluster.home.aside.glob("replica2-*"))) == 1
    _clean(cluster, {"replica1", "replica2"})
    cluster.same_everywhere()


def test_up_converges_to_a_number_of_replicas(cluster: Cluster) -> None:
    cluster.inv.ok("up", "--replicas", "3")
    _clean(cluster, {"replica1", "replica2", "replica3"})
    refused = cluster.inv("up", "--replicas", "2")
    assert refused.code == 3
    assert "replica3 not removed" in refused.err
    cluster.inv.ok("up", "--replicas", "2", "--yes")
    _clean(cluster, {"replica1", "replica2"})
    assert cluster.inv("up", "--replicas", "many").code == 1


def test_the_originals_verbs(cluster: Cluster) -> None:
    pods = [str(PROJECT_ROOT / "pods.sh")]

    def verb(*words: str) -> str:
        done = subprocess.run([*pods, *words], env=cluster.inv.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "replica5 is a member" in verb("add", "replica5")
    assert "replica5" in verb("list")
    verb("remove", "replica5", "--yes", "--purge")
    assert "replica5" not in verb("status")


def test_synchronous_replication_is_changed_live_and_shown(cluster: Cluster) -> None:
    ids = {s: (c.id, c.started) for s, c in cluster.stack.containers().items()}
    env = cluster.home.path / ".env"
    before = env.read_text()
    try:
        cluster.inv.ok("replica.sync", "any:1")
        assert {n["sync"] for n in cluster.status()["nodes"][1:]} == {"quorum"}
        cluster.inv.ok("replica.sync", "first:1")
        assert [n["sync"] for n in cluster.status()["nodes"][1:]] == ["sync", "potential"]
        cluster.inv.ok("replica.sync", "any:2")
        refused = cluster.inv("replica.remove", "--name", "replica1", "--yes")
        assert refused.code == 3
        assert "PODS_SYNC=any:2 needs 2 replicas" in refused.err
        assert cluster.inv("replica.sync", "any:3").code == 3
        cluster.docker("stop", cluster.container("replica2"))
        report = cluster.inv("status")
        assert report.code == 2
        assert "commits wait: 2 synchronous replicas are asked for and 1 stream" in report.out
        cluster.docker("start", cluster.container("replica2"))
        wait_until(lambda: "; ".join(cluster.status()["reasons"]), timeout=30, what="not healed", hint="")
    finally:
        cluster.docker("start", cluster.container("replica2"))
        cluster.inv.ok("replica.sync", "off")
    assert {n["sync"] for n in cluster.status()["nodes"][1:]} == {"async"}
    assert env.read_text().replace("PODS_SYNC=off\n", "") == before
    assert {s: c.id for s, c in cluster.stack.containers().items()} == {s: i for s, (i, _) in ids.items()}


BAD_NAMES = [
    "primary",
    "appdb",
    "pgbouncer",
    "Replica",
    "a b",
    "x;reboot",
    "x'--",
    "../../etc",
    "a" * 40,
    "9lives",
    "ü",
    "$(id)",
    "replica1",
]


@pytest.mark.parametrize("name", walk(BAD_NAMES, sample=("x;reboot", "a" * 40, "replica1")))
def test_a_bad_or_taken_name_is_refused_and_nothing_changes(cluster: Cluster, name: str) -> None:
    topology = cluster.home.topology.read_bytes()
    result = cluster.inv("replica.add", "--name", name)
    _refused(result, 3)
    assert cluster.home.topology.read_bytes() == topology


def _refused(result: Result, code: int, *words: str) -> None:
    assert result.code == code, result
    assert "Traceback" not in result.err, result
    for word in words:
        assert word in result.err, result


def test_other_refusals(cluster: Cluster) -> None:
    topology = cluster.home.topology.read_bytes()
    _refused(cluster.inv("replica.remove", "--name", "primary", "--yes"), 3, "primary is the primary")
    _refused(cluster.inv("replica.remove", "--name", "replica9", "--yes"), 3, "there is no node 'replica9'")
    _refused(cluster.inv("replica.remove", "--name", "replica1"), 3, "nobody confirmed it")
    _refused(cluster.inv("replica.reclone", "--name", "primary"), 3, "primary is the primary")
    _refused(cluster.inv("replica.add", "--source", "nowhere"), 3, "there is no node 'nowhere'")
    _refused(cluster.inv("replica.add", "--max-rate", "fast"), 1, "--max-rate 'fast'")
    _refused(cluster.inv("replica.sync", "some:1"), 1, "PODS_SYNC")
    (cluster.home.node("replica3") / "18").mkdir(parents=True)
    _refused(cluster.inv("replica.add"), 3, "holds data already")
    shutil.rmtree(cluster.home.node("replica3"))
    assert cluster.home.topology.read_bytes() == topology
    _clean(cluster, {"replica1", "replica2"})


def test_a_primary_that_is_down_is_said(cluster: Cluster) -> None:
    topology = cluster.home.topology.read_bytes()
    cluster.docker("stop", cluster.container("primary"))
    for task in (
        ["replica.add"],
        ["replica.remove", "--name", "replica1", "--yes"],
        ["replica.reclone", "--name", "replica1"],
    ):
        _refused(cluster.inv(*task), 3, "primary (primary) is not there to work with", "run inv up")
    assert cluster.home.topology.read_bytes() == topology
    cluster.inv.ok("up")


def test_used_up_slots_and_walsenders_name_their_setting(cluster: Cluster) -> None:
    free = "SELECT current_setting('max_replication_slots')::int - count(*)::int AS free FROM pg_replication_slots"
    left = cluster.query(free)[0]["free"]
    try:
        cluster.query(f"SELECT pg_create_physical_replication_slot('filler_' || n) FROM generate_series(1, {left}) n")
        _refused(cluster.inv("replica.add"), 3, "no free replication slot", "max_replication_slots")
    finally:
        cluster.query(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'filler%'"
        )
    _clean(cluster, {"replica1", "replica2"})


def test_ports_that_are_used_up_are_said(cluster: Cluster) -> None:
    result = cluster.inv("replica.add", extra={"PODS_REPLICA_PORT": "65534"})
    _refused(result, 3, "the ports from PODS_REPLICA_PORT=65534 up do not suffice for 3 nodes")
    _clean(cluster, {"replica1", "replica2"})


def test_a_clone_that_does_not_fit_is_refused(cluster: Cluster) -> None:
    code = (
        "import compose.operations.preflight as p; p.NEEDED_FREE = 1 << 60\n"
        "import sys; sys.argv[1:] = ['replica.add']; from compose.commands.entry import main; main()"
    )
    environment = cluster.inv.environ
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )
    _refused(Result(done.returncode, done.stdout, done.stderr), 3, "the clone of replica3 takes", "are free in")
    _clean(cluster, {"replica1", "replica2"})


def test_a_source_that_is_too_far_behind_is_refused_and_everything_taken_back(cluster: Cluster) -> None:
    cluster.query("SELECT pg_wal_replay_pause()", "replica1")
    try:
        cluster.query("CREATE TABLE IF NOT EXISTS further AS SELECT generate_series(1, 1000) AS n")
        cluster.query("CHECKPOINT")
        cluster.query("SELECT pg_switch_wal()")
        cluster.query("CHECKPOINT")
        _refused(cluster.inv("replica.add", "--source", "replica1"), 3, "replica1 is too far behind to be cloned from")
    finally:
        cluster.query("SELECT pg_wal_replay_resume()", "replica1")
    _clean(cluster, {"replica1", "replica2"})


def test_a_port_in_use_is_refused_before_anything_changes(cluster: Cluster) -> None:
    import socket

    port = cluster.stack.settings.replica_port + 3
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        _refused(cluster.inv("replica.add"), 4, f"port {port}, wanted for replica3, is in use")
    _clean(cluster, {"replica1", "replica2"})


def test_ctrl_c_during_the_clone_takes_everything_back(cluster: Cluster) -> None:
    process = cluster.inv.start("replica.add", "--max-rate", "1M")
    wait_until(
        lambda: "" if (cluster.home.node("replica3") / "18" / ".new").exists() else "no clone yet",
        timeout=20,
        what="",
        hint="",
    )
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    _clean(cluster, {"replica1", "replica2"})


@pytest.mark.parametrize("boundary", walk(range(7), sample=(5,)))
def test_add_killed_at_each_step_is_finished_by_up_or_by_itself(cluster: Cluster, boundary: int) -> None:
    cluster.inv.interrupted("KILL", boundary, "replica.add")
    cluster.inv.ok(*(["up"] if boundary % 2 else ["replica.add"]))
    names = {n.name for n in cluster.stack.topology.replicas} - {"replica1", "replica2"}
    # before its first step nothing was asked for yet; after its last it had succeeded, and the same again adds another
    expected = {0: {"replica3"}, 6: {"replica3", "replica4"}}
    assert names == expected.get(boundary, {"replica3"})
    _clean(cluster, {"replica1", "replica2"} | names)
    cluster.inv.ok("up", "--replicas", "2", "--yes")
    _clean(cluster, {"replica1", "replica2"})


@pytest.mark.parametrize("boundary", walk(range(7), sample=(4,)))
def test_remove_killed_at_each_step_is_finished_by_up_or_by_itself(cluster: Cluster, boundary: int) -> None:
    cluster.inv.ok("replica.add")
    cluster.inv.interrupted("KILL", boundary, "replica.remove", "--name", "replica3", "--yes")
    if boundary % 2:
        cluster.inv.ok("up")
    if "replica3" in cluster.stack.topology.names:
        cluster.inv.ok("replica.remove", "--name", "replica3", "--yes")
    _clean(cluster, {"replica1", "replica2"})


@pytest.mark.parametrize("boundary", walk(range(1, 6), sample=(4,)))
def test_add_stopped_by_ctrl_c_at_each_step_takes_everything_back(cluster: Cluster, boundary: int) -> None:
    assert cluster.inv.interrupted("INT", boundary, "replica.add").code == 130
    _clean(cluster, {"replica1", "replica2"})


@pytest.mark.parametrize("boundary", walk(range(1, 6), sample=(5,)))
def test_remove_stopped_by_ctrl_c_at_each_step_takes_everything_back(cluster: Cluster, boundary: int) -> None:
    cluster.inv.ok("replica.add") if "replica3" not in cluster.stack.topology.names else None
    assert cluster.inv.interrupted("INT", boundary, "replica.remove", "--name", "replica3", "--yes").code == 130
    wait_until(lambda: "; ".join(cluster.status()["reasons"]), timeout=30, what="replica3 is not back", hint="")
    _clean(cluster, {"replica1", "replica2", "replica3"})
    if boundary == 5:
        cluster.inv.ok("replica.remove", "--name", "replica3", "--yes")


@pytest.mark.parametrize("boundary", walk([1, 2, 3, 4, 6], sample=(4,)))
def test_reclone_stopped_by_ctrl_c_leaves_the_old_replica_running(cluster: Cluster, boundary: int) -> None:
    shutil.rmtree(cluster.home.aside, ignore_errors=True)
    assert cluster.inv.interrupted("INT", boundary, "replica.reclone", "--name", "replica1").code == 130
    wait_until(lambda: "; ".join(cluster.status()["reasons"]), timeout=30, what="replica1 is not back", hint="")
    _clean(cluster, {"replica1", "replica2"})
    assert not list(cluster.home.aside.glob("*"))


_ORDERS = (
    "replica1 green green replica1",
    "replica2 replica2 green replica3",
    "replica3 replica1 green replica1",
    "green replica2 replica1 green",
    "replica1 replica3 replica2 green replica2",
)
"""Each word adds the replica that is not there, and removes it where it is."""


@pytest.mark.parametrize("order", walk(_ORDERS, sample=()))
def test_any_order_of_adds_and_removes(shared: Cluster, make_ledger: MakeLedger, order: str) -> None:
    ledger = make_ledger(shared.access())
    with ledger.running():
        for name in order.split():
            if name in shared.stack.topology.names:
                shared.inv.ok("replica.remove", "--name", name, "--purge", "--yes", "--timeout", "1")
            else:
                shared.inv.ok("replica.add", "--name", name)
        ledger.wait_for(50)
    assert ledger.errors == []
    ledger.check(shared.query)
    shared.same_everywhere()
    _clean(shared, {node.name for node in shared.stack.topology.replicas})
