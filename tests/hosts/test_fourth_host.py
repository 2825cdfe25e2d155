"""A fourth host, with a node and no vote, joins three under load; whatever kills the task, the next run ends it.

In the end it takes the part of one of the three that is lost, under that name and its own address.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cluster.topology_file import load
from tests.fix_inv import Inv
from tests.fix_wait import eventually
from tests.hosts.bed import LOCAL, NAMES
from tests.hosts.fix_bed import HostsCluster, one_that_moves, three_hosts
from tests.hosts.journey import (
    FAILOVER_SECONDS,
    HEALTHY_SECONDS,
    added,
    healthy,
    killed_leader,
    leader_of,
    prepared,
    switched,
    timed,
    under_load,
)

pytestmark = pytest.mark.hosts
DELTA = "delta"
WITHOUT_VOTE = ("node", "pooler")
REPLACED = "server shutting down"
"""What PgBouncer tells its clients when its container is made anew."""
STRETCHES = ("Bringing images", "Writing down", "Entering delta", "Letting beta know", "Letting delta stream")


def named(cluster: HostsCluster, *names: str) -> None:
    """config/hosts.toml names those, and the control machine."""
    cluster.bed.write_hosts(cluster.home.path, *names, LOCAL, local=("pooler",), delta=WITHOUT_VOTE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[HostsCluster]:
    """On three hosts, beside a fourth that is nobody's."""
    home = tmp_path_factory.mktemp("four")
    with three_hosts(DELTA) as bed, one_that_moves(home, bed):
        made = HostsCluster(Inv(home, bed.environment), bed)
        named(made, *NAMES)
        added(made, *NAMES)
        prepared(made)
        switched(made)
        made.inv.ok("up", timeout=900)
        yield made


def members(cluster: HostsCluster) -> tuple[str, ...]:
    """The nodes that the topology has."""
    topology = load(cluster.home.topology)
    assert topology is not None
    return topology.names


@pytest.mark.parametrize("step", STRETCHES)
def test_a_task_that_is_killed_harms_nobody_and_is_ended_by_the_next(cluster: HostsCluster, step: str) -> None:
    with under_load(cluster) as ledger:
        named(cluster, *NAMES, DELTA)
        cluster.inv.interrupted("KILL", step, "hosts.add", DELTA, "--yes")
        ledger.wait_for(100, FAILOVER_SECONDS)
        print(cluster.inv("status").out.partition("primary: ")[2])
        cluster.inv.ok("hosts.add", DELTA, "--yes", timeout=600)
        assert DELTA in members(cluster)
        ledger.wait_for(100, FAILOVER_SECONDS)
        cluster.inv.ok("hosts.remove", DELTA, "--purge", "--yes", timeout=600)
        named(cluster, *NAMES)
        cluster.inv.ok("up", timeout=600)
    assert DELTA not in members(cluster)


def test_who_leads_there_is_replaced_as_any_other(cluster: HostsCluster) -> None:
    """It has no vote, so the three others decide without it."""
    named(cluster, *NAMES, DELTA)
    with under_load(cluster) as ledger, timed("hosts.add"):
        cluster.inv.ok("hosts.add", DELTA, "--yes", timeout=600)
    assert set(ledger.errors) <= {REPLACED}, "containers that are to know the new address are made anew"
    with under_load(cluster) as ledger:
        cluster.inv.ok("switchover", "--to", DELTA)
    assert ledger.errors == []
    eventually(lambda: healthy(cluster), HEALTHY_SECONDS, "healthy with four", pause=2)
    assert leader_of(cluster) == DELTA
    killed_leader(cluster)
    cluster.inv.ok("up", timeout=600)
    assert healthy(cluster)


def test_a_lost_host_is_replaced_by_a_machine_with_another_address(cluster: HostsCluster) -> None:
    """As docs/how-to/hosts.md has it: the new address in the file, then `hosts.move`."""
    cluster.inv.ok("hosts.remove", DELTA, "--purge", "--yes", timeout=600)
    named(cluster, *NAMES)
    cluster.inv.ok("up", timeout=600)
    lost = next(name for name in NAMES[1:] if name != leader_of(cluster))
    hosts = cluster.bed.hosts
    with under_load(cluster) as ledger:
        hosts[lost].kill()
        ledger.wait_for(50, FAILOVER_SECONDS)
        hosts[lost] = replace(hosts.pop(DELTA), name=lost)
        named(cluster, *NAMES)
        with timed(f"hosts.move of {lost} to another address"):
            cluster.inv.ok("hosts.move", lost, "--yes", timeout=900)
        ledger.wait_for(50, FAILOVER_SECONDS)
    print(f"{len(ledger.errors)} errors: {set(ledger.errors)}")
    assert set(members(cluster)) == set(NAMES)
    cluster.inv.ok("switchover", "--to", lost)
    assert leader_of(cluster) == lost
