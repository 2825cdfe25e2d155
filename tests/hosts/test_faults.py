"""What may happen to three hosts, one test a row: nothing acknowledged is lost, and never do two nodes take writes.

How long it took is printed and not asserted (`-s` shows it): this is one machine with few processors.
"""

from collections.abc import Iterator

import pytest

from tests.fix_wait import eventually
from tests.hosts.fix_bed import HostsCluster
from tests.hosts.host import HOME, Host, partitioned
from tests.hosts.journey import (
    FAILOVER_SECONDS,
    killed_leader,
    leader_of,
    measured,
    pooled,
    read,
    steady,
    timed,
    under_load,
)

pytestmark = pytest.mark.hosts
KILLS = 20
AGENT = "/usr/bin/patroni"


@pytest.fixture
def cluster(moving: HostsCluster) -> Iterator[HostsCluster]:
    """The cluster on its hosts, healthy before and after."""
    with steady(moving):
        yield moving
        for host in moving.bed.hosts.values():
            host.unblock()


def _leader(cluster: HostsCluster) -> tuple[Host, tuple[Host, ...]]:
    leader = cluster.bed[leader_of(cluster)]
    return leader, tuple(host for host in cluster.bed.hosts.values() if host != leader)


@pytest.mark.parametrize("number", range(KILLS))
def test_the_leader_s_host_loses_its_power(cluster: HostsCluster, number: int) -> None:
    killed_leader(cluster)


def test_the_leader_s_host_is_shut_down_in_order(cluster: HostsCluster) -> None:
    leader, _ = _leader(cluster)
    with under_load(cluster) as ledger:
        leader.stop()
        ledger.wait_for(50, FAILOVER_SECONDS)
        leader.start()


def test_the_server_crashes(cluster: HostsCluster) -> None:
    leader, _ = _leader(cluster)
    with under_load(cluster):
        leader.signal(leader.name, ": checkpointer", "KILL")


def test_the_agent_is_killed(cluster: HostsCluster) -> None:
    leader, _ = _leader(cluster)
    with under_load(cluster):
        leader.signal(leader.name, AGENT, "KILL")


def test_the_agent_alone_hangs(cluster: HostsCluster) -> None:
    """Its lease runs out; the guard beside it ends the server before another is promoted.

    Whoever leads then: its container is there again within a second or two, and on a quiet machine has the lease still.
    """
    leader, _ = _leader(cluster)
    with under_load(cluster) as ledger, leader.hung(leader.name, AGENT) as agents:
        alive = "".join(f"test ! -d /proc/{number} || echo {number}; " for number in agents)
        eventually(lambda: not leader.sh(alive), FAILOVER_SECONDS, "the guard ended it", pause=0.5)
        ledger.wait_for(50, FAILOVER_SECONDS)
    print(f"who leads: {leader.name} before, {leader_of(cluster)} after")


def test_the_leader_s_host_is_cut_off_from_the_others(cluster: HostsCluster) -> None:
    leader, others = _leader(cluster)
    with under_load(cluster) as ledger, partitioned((leader,), others):
        eventually(lambda: leader_of(cluster) != leader.name, FAILOVER_SECONDS, "another leads")
        ledger.wait_for(50, FAILOVER_SECONDS)


def test_clients_that_reach_only_the_old_leader_lose_nothing(cluster: HostsCluster) -> None:
    """Its pooler keeps them waiting, or refuses them, and serves them again when its host is back.

    The node itself is written to by the monitor, in every row.
    """
    leader, others = _leader(cluster)
    minority = pooled(cluster, leader.name, table="minority")
    with under_load(cluster) as ledger, minority.running():
        minority.wait_for(50)
        with partitioned((leader,), others):
            eventually(lambda: leader_of(cluster) != leader.name, FAILOVER_SECONDS, "another leads")
            ledger.wait_for(50, FAILOVER_SECONDS)
        minority.wait_for(50, FAILOVER_SECONDS)
    minority.check(lambda sql: read(cluster, sql))
    measured("clients of the old leader alone", minority)


def test_the_leader_hears_nobody_and_is_heard(cluster: HostsCluster) -> None:
    leader, others = _leader(cluster)
    with under_load(cluster) as ledger:
        leader.block(*others)
        ledger.wait_for(50, FAILOVER_SECONDS)
        leader.unblock()


def test_the_leader_is_heard_by_nobody_and_hears(cluster: HostsCluster) -> None:
    leader, others = _leader(cluster)
    with under_load(cluster) as ledger:
        for other in others:
            other.block(leader)
        ledger.wait_for(50, FAILOVER_SECONDS)
        for other in others:
            other.unblock()


def test_a_replica_s_host_is_cut_off(cluster: HostsCluster) -> None:
    leader, (replica, other) = _leader(cluster)
    with under_load(cluster) as ledger, partitioned((replica,), (leader, other)):
        ledger.wait_for(100, FAILOVER_SECONDS)
        assert leader_of(cluster) == leader.name


def test_one_vote_is_lost(cluster: HostsCluster) -> None:
    leader, (replica, _) = _leader(cluster)
    with under_load(cluster) as ledger:
        replica.engine("stop", replica.container("etcd"))
        ledger.wait_for(200, FAILOVER_SECONDS)
        assert leader_of(cluster) == leader.name
        replica.engine("start", replica.container("etcd"))


def test_most_votes_are_lost(cluster: HostsCluster) -> None:
    """All members see each other, so the leader goes on (PODS_FAILSAFE)."""
    leader, others = _leader(cluster)
    with under_load(cluster) as ledger:
        for host in others:
            host.engine("stop", host.container("etcd"))
        ledger.wait_for(400, FAILOVER_SECONDS)
        assert leader_of(cluster) == leader.name
        for host in others:
            host.engine("start", host.container("etcd"))


def test_all_votes_lose_what_they_know(cluster: HostsCluster) -> None:
    """Writes go on meanwhile; `inv up` writes the store anew, and starts every agent anew."""
    leader, others = _leader(cluster)
    with under_load(cluster) as ledger:
        for host in (leader, *others):
            host.engine("stop", "--time=1", host.container("etcd"))
        for host in (leader, *others):
            host.sh(f"rm -rf {HOME}/data/etcd/*")
        ledger.wait_for(20, FAILOVER_SECONDS)
        for host in (leader, *others):
            host.engine("start", host.container("etcd"))
        cluster.inv.ok("up", timeout=600)


def test_the_leader_s_host_is_frozen_and_thawed(cluster: HostsCluster) -> None:
    leader, _ = _leader(cluster)
    with under_load(cluster) as ledger, leader.frozen():
        ledger.wait_for(50, FAILOVER_SECONDS)


def test_all_hosts_lose_their_power(cluster: HostsCluster) -> None:
    with under_load(cluster), timed("all hosts rebooted"):
        for host in cluster.bed.hosts.values():
            host.kill()
        for host in cluster.bed.hosts.values():
            host.start()
