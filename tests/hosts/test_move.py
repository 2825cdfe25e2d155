"""There and back: what interrupts a move is taken back until it is decided, and ended after that; nothing fails.

Tests build on each other, in this order, on a bed of their own.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from compose.home import passwords
from compose.home.hosts_state_file import load_state
from tests.fix_ledger import Ledger
from tests.fix_wait import eventually
from tests.hosts.fix_bed import HostsCluster, own_cluster
from tests.hosts.journey import added, healthy, prepared, switched, timed

pytestmark = pytest.mark.hosts
MENDED = 240.0
"""Seconds for the guard's `up`, which begins by itself when a command is killed."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[HostsCluster]:
    """Prepared: its hosts stream."""
    with own_cluster(tmp_path_factory.mktemp("there-and-back")) as made:
        added(made)
        prepared(made)
        yield made


def phase(cluster: HostsCluster) -> str:
    """How far the move is, as the control machine has it."""
    return str(load_state(cluster.home).phase)


def through_pool(cluster: HostsCluster, sql: str) -> list[dict[str, Any]]:
    """Rows from wherever this machine's PgBouncer leads."""
    return cluster.query(sql, "pgbouncer", passwords.APP)


def rested(cluster: HostsCluster) -> None:
    """No guard's `up` is at work any more."""
    eventually(lambda: cluster.inv("up").code == 0, MENDED, "the guard's `up` is over", pause=2)


def interrupted(cluster: HostsCluster, task: str, step: str, ends_as: str) -> None:
    """Kill a command after a step while programs write: by itself it ends as ``ends_as``, with every commit."""
    rested(cluster)
    ledger = Ledger(cluster.access())
    ledger.prepare()
    with ledger.running(), timed(f"{task} killed after “{step}”"):
        ledger.wait_for(50)
        cluster.inv.interrupted("KILL", step, task)
        eventually(lambda: phase(cluster) == ends_as and healthy(cluster), MENDED, f"{ends_as}, and healthy", pause=2)
        ledger.wait_for(50)
    assert ledger.errors == []
    ledger.check(lambda sql: through_pool(cluster, sql))
    print(f"longest gap {ledger.longest_gap:.1f} s, {len(ledger.acknowledged)} acknowledged")


UNDECIDED = ("Holding clients", "Stopping", "Making the data", "Waiting until alpha has everything")


@pytest.mark.parametrize("step", UNDECIDED)
def test_a_move_that_was_not_decided_is_taken_back(cluster: HostsCluster, step: str) -> None:
    interrupted(cluster, "hosts.switch", step, ends_as="prepared")
    assert cluster.query("SELECT pg_is_in_recovery() AS standby", "primary") == [{"standby": False}]


def test_a_move_that_was_decided_and_not_promoted_is_ended(cluster: HostsCluster) -> None:
    interrupted(cluster, "hosts.switch", "Deciding", ends_as="patroni")


@pytest.mark.parametrize("step", ["Holding clients", "Letting alpha shut down", "Waiting until primary has"])
def test_a_return_that_was_not_decided_is_taken_back(cluster: HostsCluster, step: str) -> None:
    interrupted(cluster, "hosts.back", step, ends_as="patroni")


def test_the_cluster_returns_under_load_and_moves_again(cluster: HostsCluster) -> None:
    rested(cluster)
    ledger = Ledger(cluster.access())
    ledger.prepare()
    with ledger.running():
        ledger.wait_for(100)
        cluster.inv.ok("hosts.back", timeout=600)
        ledger.wait_for(100)
    assert ledger.errors == []
    ledger.check(lambda sql: through_pool(cluster, sql))
    print(f"hosts.back: longest gap {ledger.longest_gap:.2f} s, {len(ledger.acknowledged)} acknowledged")
    assert phase(cluster) == "prepared"
    eventually(lambda: healthy(cluster), 60, "healthy after the return", pause=2)
    switched(cluster)


def test_a_return_that_was_decided_is_ended_and_the_hosts_are_given_back(cluster: HostsCluster) -> None:
    interrupted(cluster, "hosts.back", "Deciding", ends_as="prepared")
    cluster.inv.ok("hosts.unprepare", "--yes", timeout=600)
    assert phase(cluster) == "none"
    cluster.check_healthy()
    for host in cluster.bed.hosts.values():
        assert host.engine("ps", "--all", "--quiet") == ""
        assert host.sh("ls /srv/pods/data/.aside"), f"{host.name} keeps its data"
