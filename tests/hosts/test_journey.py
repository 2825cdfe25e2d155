"""Three Docker hosts, once from the beginning to a host that dies; everything else about hosts is in tests/hosts."""

from collections.abc import Iterator

import httpx
import pytest

from tests.fix_wait import eventually
from tests.hosts.fix_bed import HostsCluster, own_cluster
from tests.hosts.journey import added, killed_leader, prepared, switched

pytestmark = pytest.mark.hosts


@pytest.fixture
def moving(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[HostsCluster]:
    """For this test alone, since `.ci/run` goes on beside it for long."""
    with own_cluster(tmp_path_factory.mktemp("journey"), PODS_HEALTH="on") as made:
        yield made


def test_a_cluster_moves_to_three_hosts_under_load_and_survives_the_loss_of_one(moving: HostsCluster) -> None:
    """Nothing fails while it moves, nothing acknowledged is lost when a host dies, and never do two take writes."""
    added(moving)
    prepared(moving)
    switched(moving)
    page = f"http://127.0.0.1:{moving.stack.settings.health_port}/health"  # published by way of `hosts`
    eventually(lambda: httpx.get(page, trust_env=False).status_code == 200, 60, "the health service answers here")
    killed_leader(moving)
