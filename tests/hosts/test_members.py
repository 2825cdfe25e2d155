"""Hosts come and go while Patroni decides: under load, nothing acknowledged is lost, and never do two take writes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cluster.topology_file import load
from tests.hosts.bed import LOCAL
from tests.hosts.fix_bed import HostsCluster
from tests.hosts.host import HOME, Host
from tests.hosts.journey import FAILOVER_SECONDS, healthy, judge, leader_of, pooled, read, steady, timed, watching

pytestmark = pytest.mark.hosts


@pytest.fixture
def cluster(moving: HostsCluster) -> Iterator[HostsCluster]:
    """The cluster on its hosts, healthy before and after."""
    with steady(moving):
        yield moving


def named(cluster: HostsCluster, *without: str) -> None:
    """config/hosts.toml names all hosts but those."""
    names = [name for name in cluster.bed.hosts if name not in without]
    cluster.bed.write_hosts(cluster.home.path, *names, LOCAL, local=("pooler",))


def nodes(cluster: HostsCluster) -> set[str]:
    """Those that the topology has."""
    topology = load(cluster.home.topology)
    assert topology is not None
    return set(topology.names)


def test_the_leader_s_host_leaves_and_comes_back(cluster: HostsCluster) -> None:
    """Another leads before it goes; its data is kept; it is cloned anew, its vote a learner's first."""
    ledger, monitor = pooled(cluster), watching(cluster)
    name = leader_of(cluster)
    host = cluster.bed[name]
    with ledger.running(), monitor.running():
        ledger.wait_for(100)
        with timed("hosts.remove of the leader"):
            cluster.inv.ok("hosts.remove", name, "--yes", timeout=300)
        ledger.wait_for(50, FAILOVER_SECONDS)
        assert name not in nodes(cluster)
        assert host.engine("ps", "--all", "--quiet") == ""
        assert host.sh(f"find {HOME} -maxdepth 1 -mindepth 1") == f"{HOME}/.aside"
        named(cluster, name)
        cluster.inv.ok("up", timeout=600)
        assert healthy(cluster)
        ledger.wait_for(50, FAILOVER_SECONDS)
        named(cluster)
        with timed("hosts.add of it again"):
            cluster.inv.ok("hosts.add", name, "--yes", timeout=600)
        ledger.wait_for(50, FAILOVER_SECONDS)
    judge(cluster, ledger, monitor)
    print(f"longest wait of writers {ledger.longest_gap:.1f} s, {len(ledger.errors)} errors, 0 lost")
    assert name in nodes(cluster)


@contextmanager
def commits_that_wait_for_nobody(cluster: HostsCluster) -> Iterator[None]:
    """PODS_SYNC=off while the body runs: with it set two nodes are the fewest."""
    file = cluster.home.path / ".env"
    before = file.read_text()
    file.write_text(before.replace("PODS_SYNC=any:1", "PODS_SYNC=off"))
    cluster.inv.ok("up", timeout=600)
    try:
        yield
    finally:
        file.write_text(before)
        cluster.inv.ok("up", timeout=600)


def test_down_to_one_host_and_back(cluster: HostsCluster) -> None:
    """Nobody can lead while the last node learns of others; it is made anew, and what was acknowledged is there."""
    ledger = pooled(cluster)
    last = leader_of(cluster)
    others = [name for name in cluster.bed.hosts if name != last]
    with commits_that_wait_for_nobody(cluster), ledger.running():
        ledger.wait_for(50)
        for number, name in enumerate(others, 1):
            removed = cluster.inv.ok("hosts.remove", name, "--yes", timeout=300)
            assert ("One node is left" in removed.out + removed.err) is (number == len(others))
        named(cluster, *others)
        cluster.inv.ok("up", timeout=600)
        assert nodes(cluster) == {last}
        assert "one vote, of which none may be lost" in cluster.inv.ok("status").out
        ledger.wait_for(50, FAILOVER_SECONDS)
        for number, name in enumerate(others, 1):
            named(cluster, *others[number:])
            with timed(f"hosts.add of {name}"):
                cluster.inv.ok("hosts.add", name, "--yes", timeout=600)
        ledger.wait_for(50, FAILOVER_SECONDS)
    ledger.check(lambda sql: read(cluster, sql))
    print(f"longest wait of writers {ledger.longest_gap:.1f} s, {len(ledger.errors)} errors, 0 lost")
    assert nodes(cluster) == {last, *others}


def test_a_host_that_is_lost_is_replaced_by_another_of_its_name(cluster: HostsCluster) -> None:
    """Its disk is gone with it: `hosts.move` has the others forget it, and the new machine joins as any does."""
    ledger, monitor = pooled(cluster), watching(cluster)
    name = next(name for name in cluster.bed.hosts if name != leader_of(cluster))
    host = cluster.bed[name]
    with ledger.running(), monitor.running():
        ledger.wait_for(50)
        host.kill()
        ledger.wait_for(50, FAILOVER_SECONDS)
        emptied(host)
        with timed("hosts.move to an empty machine"):
            cluster.inv.ok("hosts.move", name, "--yes", timeout=600)
        ledger.wait_for(50, FAILOVER_SECONDS)
    judge(cluster, ledger, monitor)
    print(f"longest wait of writers {ledger.longest_gap:.1f} s, {len(ledger.errors)} errors, 0 lost")
    assert name in nodes(cluster)


def emptied(host: Host) -> None:
    """Another machine with the name and the address: nothing of PODS is on it."""
    host.start()
    host.sh(f"docker ps --all --quiet | xargs --no-run-if-empty docker rm --force; rm -rf {HOME}/* {HOME}/.[!.]*")


def test_what_the_cluster_cannot_do_without_is_kept(cluster: HostsCluster) -> None:
    """Commits wait for one replica of two nodes: the second of them is not taken out, nor one that runs called gone."""
    name = next(name for name in cluster.bed.hosts if name != leader_of(cluster))
    result = cluster.inv("hosts.remove", name, "--gone", "--yes")
    assert result.code not in (0, 70)
    assert f"{name} runs" in result.err
    result = cluster.inv("hosts.remove", name)
    assert "2 votes are left" in result.err or "nobody confirmed" in result.err
    assert name in nodes(cluster)
    assert healthy(cluster)
