"""The primary is gone and a replica takes over: nothing acknowledged is lost, and nobody writes twice."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

from cluster.errors import PodsError
from cluster.postgres.connection import Access, connect
from compose.console import Console
from compose.operations.home_identity import changing
from compose.operations.promotion.failover import Failover
from compose.operations.promotion.outlook import FailoverOrder, read_outlook
from compose.operations.steps import perform
from tests.fix_backup import running_cluster
from tests.fix_drivers import wrong_everywhere
from tests.fix_ledger import Ledger
from tests.fix_stack import BARE, Cluster, new_project
from tests.fix_wait import eventually

MakeLedger = Callable[[Access], Ledger]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Cluster]:
    """A primary and two replicas."""
    home = tmp_path_factory.mktemp("failover")
    with running_cluster(home, new_project("failover"), PODS_REPLICAS="2", **BARE) as cluster:
        yield cluster


@pytest.fixture
def cluster(three: Cluster) -> Iterator[Cluster]:
    """It, checked after the test: healthy, one primary, no change of it unfinished."""
    yield three
    three.check_healthy()
    assert three.stack.snapshot().writable == (three.stack.topology.primary,)
    assert three.stack.topology.handover is None


class _RoleMonitor:
    """Asks every node 20 times a second, through its published port, whether it takes writes."""

    def __init__(self, cluster: Cluster) -> None:
        self.seen: list[str] = []
        """Who took writes, in the order of the answers."""
        self._stop = threading.Event()
        names = cluster.stack.topology.names
        self._threads = [threading.Thread(target=self._watch, args=(cluster, name), daemon=True) for name in names]

    def __enter__(self) -> "_RoleMonitor":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _watch(self, cluster: Cluster, name: str) -> None:
        access = replace(cluster.stack.monitor(name), connect_timeout=2, patience=2.0)
        while not self._stop.wait(0.05):
            try:
                with connect(access) as connection:
                    while not self._stop.wait(0.05):
                        row = connection.execute("SELECT pg_catalog.pg_is_in_recovery() AS standby").fetchone()
                        if row is not None and not row["standby"]:
                            self.seen.append(name)
            except (PodsError, psycopg.Error):
                continue


def _prepared(cluster: Cluster) -> Failover:
    """A failover whose steps this test does itself; the caller holds the cluster."""
    chosen = read_outlook(cluster.stack, FailoverOrder()).chosen.name
    return Failover(cluster.stack, Console(), FailoverOrder(to=chosen))


def test_a_killed_primary_is_replaced_and_follows_and_nothing_acknowledged_is_lost(
    cluster: Cluster, make_ledger: MakeLedger
) -> None:
    old = cluster.stack.topology.primary
    refused = cluster.inv("failover")
    assert refused.code == 3
    assert "inv switchover" in refused.err
    assert "is the primary itself" in cluster.inv("failover", "--to", old).err
    assert "there is no node" in cluster.inv("failover", "--to", "nobody").err
    ledger = make_ledger(cluster.access())
    with ledger.running():
        ledger.wait_for(100)
        cluster.docker("kill", "--signal", "KILL", cluster.container(old))
        done = cluster.inv.ok("failover")
        assert "nothing is lost" in done.err
        ledger.wait_for(50)
    new = cluster.stack.topology.primary
    assert new != old
    ledger.check(lambda sql: cluster.query(sql, new))
    assert cluster.same_everywhere()
    # PgBouncer refuses for some seconds after a login to the node that was away
    eventually(lambda: wrong_everywhere(cluster.stack) == [], 30, "every pool leads where it should")
    assert not cluster.home.aside.exists()  # it followed on its own data
    assert cluster.inv.ok("history").out.count("failover") == 2  # event, and who did it


def test_a_frozen_primary_never_writes_again(cluster: Cluster, make_ledger: MakeLedger) -> None:
    old = cluster.stack.topology.primary
    ledger = make_ledger(cluster.access())
    with _RoleMonitor(cluster) as monitor, ledger.running(), changing(cluster.stack, "failover"):
        ledger.wait_for(100)
        container = cluster.container(old)
        cluster.docker("pause", container)
        change = _prepared(cluster)
        perform(change.steps(), change._console)
        cluster.docker("start", container)  # as somebody might, or the engine
        eventually(lambda: cluster.stack.containers()[old].status != "running", 30, f"{old} runs")
        ledger.wait_for(50)
        perform(change.rejoin_steps(), change._console)
    new = change.target
    first = monitor.seen.index(new)
    assert old not in monitor.seen[first:]
    assert set(monitor.seen) == {old, new}
    ledger.check(lambda sql: cluster.query(sql, new))


def test_what_the_old_primary_alone_committed_is_listed_kept_and_taken_back(cluster: Cluster) -> None:
    """Its disk is away while somebody fails over, and comes back."""
    old = cluster.stack.topology.primary
    replicas = [node.name for node in cluster.stack.topology.replicas]
    cluster.query("CREATE TABLE divergence (number int)", old)
    cluster.wait_replayed()
    cluster.compose("stop", *replicas)
    for number in range(5):
        cluster.query(f"INSERT INTO divergence VALUES ({number})", old)
    cluster.docker("kill", cluster.container(old))
    directory = cluster.home.node(old)
    away = directory.rename(directory.with_name("away"))
    cluster.compose("start", *replicas)
    eventually(lambda: "--accept-data-loss" in cluster.inv("failover").err, 60, "the replicas did not start")
    assert "put its disk back" in cluster.inv.ok("failover", "--accept-data-loss").err
    new = cluster.stack.topology.primary
    away.rename(directory)
    cluster.query("INSERT INTO divergence VALUES (100)", new)
    assert "5 transactions were committed" in cluster.inv.ok("up").err
    (listed,) = cluster.home.aside.glob("*/lost-commits.txt")
    assert len(listed.read_text().splitlines()) == 4 + 5
    assert list(listed.parent.glob("0000*"))
    cluster.wait_replayed()
    assert cluster.query("SELECT number FROM divergence", old) == [{"number": 100}]
    assert cluster.query("SELECT 1 FROM pg_roles WHERE rolname = 'rewinder'", new) == []


@pytest.mark.chaos
def test_killed_before_it_is_decided_the_old_primary_goes_on(cluster: Cluster) -> None:
    old = cluster.stack.topology.primary
    cluster.docker("kill", cluster.container(old))
    cluster.inv.interrupted("KILL", 3, "failover")
    assert cluster.stack.topology.primary == old
    eventually(lambda: not cluster.status()["reasons"], 120, "nobody finished it", pause=1.0)
    assert cluster.stack.topology.primary == old
