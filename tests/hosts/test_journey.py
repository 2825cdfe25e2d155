"""Three Docker hosts, once from the beginning to a host that dies; everything else about hosts is in tests/hosts."""

import pytest

from tests.hosts.fix_bed import HostsCluster
from tests.hosts.journey import added, killed_leader, prepared, switched

pytestmark = pytest.mark.hosts


def test_a_cluster_moves_to_three_hosts_under_load_and_survives_the_loss_of_one(moving: HostsCluster) -> None:
    """Nothing fails while it moves, nothing acknowledged is lost when a host dies, and never do two take writes."""
    added(moving)
    prepared(moving)
    switched(moving)
    killed_leader(moving)
