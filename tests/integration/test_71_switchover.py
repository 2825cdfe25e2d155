"""Another node becomes the primary while clients work: nobody notices more than a pause, whatever is interrupted."""

import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from cluster.endpoints import PROXY
from cluster.errors import PodsError
from cluster.postgres.connection import Access, connect
from compose.console import Console
from compose.home import passwords
from compose.operations.promotion.canary import Canary
from compose.operations.promotion.report import canary_access
from compose.operations.promotion.switchover import Switchover
from compose.operations.steps import Step, perform
from compose.render.link_local import node_address
from tests.fix_backup import running_cluster
from tests.fix_chaos import walk
from tests.fix_drivers import DriverClients, wrong_everywhere
from tests.fix_ledger import Ledger
from tests.fix_readers import Readers
from tests.fix_stack import Cluster, new_project
from tests.fix_wait import eventually

MakeLedger = Callable[[Access], Ledger]
POOLS = ("appdb", "appdb_write", "appdb_read", "appdb_read1", "appdb_read2")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Cluster]:
    """A primary and two replicas, with an archive."""
    home = tmp_path_factory.mktemp("switchover")
    settings = {"PODS_REPLICAS": "2", "PODS_MONITORING": "off", "PODS_HEALTH": "off"}
    with running_cluster(home, new_project("switch"), **settings) as cluster:
        yield cluster


@pytest.fixture
def cluster(three: Cluster) -> Iterator[Cluster]:
    """It, checked after the test: healthy, one primary, and what it holds is the same everywhere."""
    yield three
    three.check_healthy()
    assert _writable(three) == [three.stack.topology.primary]


def _writable(cluster: Cluster) -> list[str]:
    return list(cluster.stack.snapshot().writable)


def _settled(cluster: Cluster, timeout: float = 180) -> None:
    """Until what a switchover left is finished, by whoever does it."""

    def finished() -> bool:
        return cluster.stack.topology.handover is None and not cluster.status()["reasons"]

    eventually(finished, timeout, "the handover was not finished", pause=1.0)


def _other(cluster: Cluster) -> str:
    return next(node.name for node in cluster.stack.topology.replicas)


def _insert(cluster: Cluster, ledger: Ledger, count: int = 20) -> None:
    ledger.wait_for(count)
    cluster.wait_replayed()


class _DirectClient:
    """A client of PODS_PRIMARY_PORT that connects anew, again and again: who let it in, in the order of that."""

    def __init__(self, cluster: Cluster) -> None:
        self.nodes: list[str] = []
        self.replicas = 0
        self._access = replace(cluster.access(PROXY, database="appdb"), connect_timeout=3)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._connect, daemon=True)

    def __enter__(self) -> "_DirectClient":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def reached(self, node: str) -> bool:
        return self.nodes[-1:] == [node]

    def _connect(self) -> None:
        while not self._stop.wait(0.02):
            try:
                with connect(self._access) as connection:
                    sql = "SELECT current_setting('cluster_name') AS node, pg_is_in_recovery() AS replica"
                    row = connection.execute(sql).fetchone()
            except (psycopg.Error, PodsError):
                continue  # refused, while there is no primary
            assert row is not None
            self.replicas += row["replica"]
            if not self.reached(row["node"]):
                self.nodes.append(row["node"])


def test_clients_of_every_pool_wait_and_none_sees_an_error_there_and_back(
    cluster: Cluster, make_ledger: MakeLedger
) -> None:
    ledger = make_ledger(cluster.access())
    source, target = cluster.stack.topology.primary, "replica1"
    planned = cluster.inv.ok("switchover", "--dry-run", "--to", target)
    assert planned.out.startswith(f"{target} would be the primary")
    assert cluster.stack.topology.primary == source
    timeline = cluster.node(source)["timeline"]
    readers = Readers([cluster.access(database=pool) for pool in POOLS])
    drivers, direct = DriverClients(cluster.access()), _DirectClient(cluster)
    with drivers.running(), ledger.running(), readers.running(), direct:
        ledger.wait_for(20)
        there = cluster.inv.ok("switchover", "--to", target)
        assert wrong_everywhere(cluster.stack) == []  # PgBouncer's welcome is cached, in_hot_standby too
        ledger.wait_for(20)
        eventually(lambda: direct.reached(target), 20, "the port of the primary did not follow")
        back = cluster.inv.ok("switchover", "--to", source)
        assert wrong_everywhere(cluster.stack) == []
        drivers.await_progress()
        _insert(cluster, ledger)
        eventually(lambda: direct.reached(source), 20, "the port of the primary did not come back")
    assert (direct.nodes, direct.replicas) == ([source, target, source], 0)
    assert ledger.errors == drivers.errors == []
    assert drivers.rows() == drivers.committed
    assert readers.errors == []
    assert all(readers.done.values())
    ledger.check(cluster.query)
    said = re.match(r"(\w+) is the primary, on timeline (\d+) from [0-9A-F]+/[0-9A-F]+ on; a client waited", there.out)
    assert said, there
    assert (said[1], int(said[2])) == (target, timeline + 1)
    for outcome in (there, back):
        assert re.search(r", 0 of its \d\d+ transactions failed", outcome.out), outcome
    assert cluster.node(source)["timeline"] == timeline + 2
    changes = json.loads(cluster.inv.ok("history", "--json").out)["changes"]
    assert [(change["primary"], change["timeline"]) for change in changes[-2:]] == [
        (target, timeline + 1),
        (source, timeline + 2),
    ]
    assert not cluster.query("SELECT FROM pg_replication_slots WHERE slot_name = 'primary_slot'")
    assert not cluster.query("SELECT FROM pg_replication_slots WHERE slot_name <> 'archive_slot'", target)


def test_a_proxy_that_leads_to_a_replica_lets_nobody_in_and_up_puts_it_right(cluster: Cluster) -> None:
    topology = cluster.stack.topology
    primary, astray = topology.node(topology.primary), topology.replicas[0]
    file = cluster.home.rendered / "haproxy" / "haproxy.cfg"
    text = file.read_text()
    file.write_text(text.replace(node_address(primary.ordinal), node_address(astray.ordinal)))
    cluster.docker("kill", "--signal", "HUP", cluster.container(PROXY))
    reason = f"PODS_PRIMARY_PORT leads to {astray.name} instead of {primary.name} → run: inv up"
    eventually(lambda: cluster.status()["reasons"] == [reason], 20, "nobody noticed")
    with pytest.raises(PodsError, match=r"pg_hba\.conf rejects"), connect(cluster.access(PROXY, database="appdb")):
        pass
    cluster.inv.ok("up")
    assert file.read_text() == text
    with connect(cluster.access(PROXY, database="appdb")) as connection:
        assert connection.execute("SELECT current_setting('cluster_name') AS node").fetchone() == {"node": primary.name}


def test_the_cluster_s_own_roles_do_not_come_through_the_port_of_the_primary(cluster: Cluster) -> None:
    for secret in (passwords.SUPERUSER, passwords.MONITOR, passwords.ARCHIVE, passwords.REPLICATION):
        with (
            pytest.raises(PodsError, match=r"pg_hba\.conf rejects"),
            connect(cluster.access(PROXY, secret, "postgres")),
        ):
            pass


@pytest.mark.parametrize(
    ("to", "message"), [("primary", "primary is the primary already"), ("nobody", "there is no node 'nobody'")]
)
def test_who_cannot_take_over_is_refused(cluster: Cluster, to: str, message: str) -> None:
    if cluster.stack.topology.primary != "primary":
        cluster.inv.ok("switchover", "--to", "primary")
    result = cluster.inv("switchover", "--to", to)
    assert (result.code, message in result.err) == (3, True), result


def test_an_open_transaction_stops_it_before_and_while_clients_wait(cluster: Cluster, make_ledger: MakeLedger) -> None:
    source = cluster.stack.topology.primary
    ledger = make_ledger(cluster.access())
    with ledger.running(), connect(cluster.access()) as idle:
        ledger.wait_for(5)
        idle.execute("BEGIN")
        idle.execute("SELECT 1")
        late = cluster.inv("switchover")  # it may be too young to be seen before, and is found when the pool waits
        assert late.code == 3, late
        assert re.search(r"a transaction of app.*, pid \d+, has run for", late.err), late
        ledger.wait_for(20)
        early = cluster.inv("switchover")
        assert early.code == 3, early
        assert "and clients would wait for its end" in early.err
        idle.execute("COMMIT")
    assert ledger.errors == []
    ledger.check(cluster.query)
    assert cluster.stack.topology.primary == source


def _broken(cluster: Cluster, before: str, what: Callable[[], None]) -> None:
    """A switchover in which something happens before the step whose title begins with ``before``."""
    stack = cluster.stack
    with (
        Canary(canary_access(stack)) as canary,
        closing(Switchover(stack, _other(cluster), canary, "a test")) as change,
    ):
        steps = change.steps()
        number = next(n for n, step in enumerate(steps) if step.title.startswith(before))
        steps.insert(number, Step("bad luck", lambda _: what()))
        perform(steps, Console())


class _Visitor:
    """A client that logs in anew for each transaction."""

    def __init__(self, access: Access) -> None:
        self.errors: list[str] = []
        self.visits = 0
        self._access, self._stop = access, threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)

    def __enter__(self) -> "_Visitor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _visit(self) -> None:
        while not self._stop.is_set():
            try:
                with connect(self._access) as connection:
                    connection.execute("SELECT pg_current_xact_id()")
                self.visits += 1
            except (psycopg.Error, PodsError) as error:
                self.errors.append(str(error))
                self._stop.wait(0.1)


def test_whoever_logs_in_meanwhile_waits_too_and_a_replica_that_is_down_stops_nothing(cluster: Cluster) -> None:
    topology = cluster.stack.topology
    target, down = (node.name for node in topology.replicas)
    cluster.docker("stop", cluster.container(down))
    with _Visitor(cluster.access()) as visitor, _Visitor(cluster.access()) as other:
        eventually(lambda: visitor.visits and other.visits)
        cluster.inv.ok("switchover", "--to", target)
        before = visitor.visits, other.visits
        eventually(lambda: visitor.visits > before[0] and other.visits > before[1])
    assert visitor.errors + other.errors == []
    cluster.inv.ok("up")
    assert cluster.stack.topology.primary == target


@pytest.mark.parametrize("before", walk(["Holding", "Stopping", "Waiting", "Deciding"], sample=["Waiting"]))
def test_a_candidate_that_dies_before_it_is_decided_changes_nothing(
    cluster: Cluster, make_ledger: MakeLedger, before: str
) -> None:
    source, target = cluster.stack.topology.primary, _other(cluster)
    ledger = make_ledger(cluster.access())
    with ledger.running():
        ledger.wait_for(5)
        with pytest.raises((PodsError, psycopg.Error)):
            _broken(cluster, before, lambda: _kill_and_fail(cluster, target))
        assert cluster.stack.topology.primary == source
        ledger.wait_for(20)
    ledger.check(lambda sql: cluster.query(sql, source))
    cluster.inv.ok("up")
    _settled(cluster)


def _kill(cluster: Cluster, service: str) -> None:
    os.kill(cluster.main_pid(service), signal.SIGKILL)  # as a crash: the engine starts it again


def _kill_and_fail(cluster: Cluster, node: str) -> None:
    cluster.docker("stop", "--timeout", "0", cluster.container(node))
    raise PodsError("the candidate is dead")


def test_a_candidate_that_dies_after_it_is_decided_is_the_primary_after_up(
    cluster: Cluster, make_ledger: MakeLedger
) -> None:
    target = _other(cluster)
    ledger = make_ledger(cluster.access())
    with ledger.running():
        ledger.wait_for(5)
        with pytest.raises((PodsError, psycopg.Error)):
            _broken(cluster, "Promoting", lambda: _kill_and_fail(cluster, target))
        assert cluster.stack.topology.promoting
        cluster.inv.ok("up")
        ledger.wait_for(20)
    assert cluster.stack.topology.primary == target
    ledger.check(lambda sql: cluster.query(sql, target))
    _settled(cluster)


def test_a_pooler_that_dies_while_clients_wait_comes_back_at_the_new_primary(
    cluster: Cluster, make_ledger: MakeLedger
) -> None:
    target = _other(cluster)
    ledger = make_ledger(cluster.access())
    with ledger.running():
        ledger.wait_for(5)
        _broken(cluster, "Promoting", lambda: _kill(cluster, "pgbouncer"))
        cluster.inv.ok("up")
        ledger.wait_for(20)
    assert cluster.stack.topology.primary == target
    ledger.check(lambda sql: cluster.query(sql, target))
    _settled(cluster)


BOUNDARIES = range(13)


@pytest.mark.parametrize("boundary", walk(BOUNDARIES, sample=(7,)))
def test_killed_at_each_step_the_guard_finishes_it_and_nobody_waits_for_ever(
    cluster: Cluster, make_ledger: MakeLedger, boundary: int
) -> None:
    ledger = make_ledger(cluster.access())
    with ledger.running():
        ledger.wait_for(5)
        cluster.inv.interrupted("KILL", boundary, "switchover")
        ledger.wait_for(20, timeout=180)
        _settled(cluster)
        _insert(cluster, ledger)
    ledger.check(lambda sql: cluster.query(sql, cluster.stack.topology.primary))
    assert ledger.errors == []


@pytest.mark.parametrize("boundary", walk(BOUNDARIES, sample=()))
def test_killed_with_its_guard_up_finishes_it(cluster: Cluster, make_ledger: MakeLedger, boundary: int) -> None:
    ledger = make_ledger(cluster.access())
    with ledger.running():
        ledger.wait_for(5)
        cluster.inv.interrupted("KILL", boundary, "switchover")
        _kill_guard(cluster)
        cluster.inv.ok("up")
        ledger.wait_for(20)
    ledger.check(lambda sql: cluster.query(sql, cluster.stack.topology.primary))
    _settled(cluster)


def _kill_guard(cluster: Cluster) -> None:
    home = f"PODS_HOME={cluster.home.path}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            guards = b"promotion.guard" in (process / "cmdline").read_bytes()
            if guards and home in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:
            continue


@pytest.mark.parametrize("boundary", walk(range(1, 12), sample=()))
def test_ctrl_c_before_it_is_decided_takes_it_back(cluster: Cluster, make_ledger: MakeLedger, boundary: int) -> None:
    source = cluster.stack.topology.primary
    ledger = make_ledger(cluster.access())
    with ledger.running():
        ledger.wait_for(5)
        assert cluster.inv.interrupted("INT", boundary, "switchover").code == 130
        ledger.wait_for(20, timeout=180)
        _settled(cluster)
    assert (cluster.stack.topology.primary == source) == (boundary < 7)
    ledger.check(lambda sql: cluster.query(sql, cluster.stack.topology.primary))
