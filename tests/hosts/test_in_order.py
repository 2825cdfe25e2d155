"""`PODS_SYNC=first:1`: commits wait for one named replica, which is the one that is promoted.

So nobody else can acknowledge for a leader that nobody ends: with its agent and its guard hung, the window in which two
nodes take writes is nought by construction, and not by luck. Beside it: the same row with `any:1` in test_faults.py.
"""

from collections.abc import Iterator

import pytest

from tests.fix_wait import eventually
from tests.hosts.fix_bed import HostsCluster
from tests.hosts.journey import (
    FAILOVER_SECONDS,
    healthy,
    judge,
    leader_of,
    measured,
    moved,
    pooled,
    takes_writes,
    timed,
    watching,
)
from tests.hosts.load import overlap

pytestmark = pytest.mark.hosts
AGENT, GUARD = "/usr/bin/patroni", "pods-guard"


@pytest.fixture
def cluster(moving: HostsCluster) -> Iterator[HostsCluster]:
    """The cluster on its hosts, whose commits wait for the first replica while the test runs."""
    moved(moving)
    file = moving.home.path / ".env"
    before = file.read_text()
    file.write_text(f"{before}PODS_SYNC=first:1\n")
    moving.inv.ok("up", timeout=900)
    eventually(lambda: healthy(moving), FAILOVER_SECONDS, "healthy before", pause=2)
    yield moving
    eventually(lambda: healthy(moving), FAILOVER_SECONDS, "healthy afterwards", pause=2)
    file.write_text(before)
    moving.inv.ok("up", timeout=900)


def test_agent_and_guard_hang(cluster: HostsCluster) -> None:
    """Its server runs on and takes what nobody confirms; another is promoted when the lease has ended."""
    leader = cluster.bed[leader_of(cluster)]
    ledger, monitor = pooled(cluster), watching(cluster)
    with ledger.running(), monitor.running():
        ledger.wait_for(100)
        with leader.hung(leader.name, GUARD), leader.hung(leader.name, AGENT):
            others = [name for name in cluster.bed.hosts if name != leader.name]
            eventually(lambda: _any_leads(cluster, others), FAILOVER_SECONDS, "another is promoted")
            with timed("from there until programs that waited for their commit went on"):
                ledger.wait_for(50, FAILOVER_SECONDS)
        eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy again", pause=2)
        ledger.wait_for(20)
    print(f"two took writes for {overlap(monitor.writes):.2f} s; {len(monitor.writes)} writes of the monitor")
    judge(cluster, ledger, monitor)
    measured("agent and guard hung, first:1", ledger)


def _any_leads(cluster: HostsCluster, names: list[str]) -> bool:
    return any(takes_writes(cluster, name) for name in names)
