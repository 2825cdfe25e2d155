"""Which pools go on saying of a server what it was before."""

from pathlib import Path

import pytest

from cluster.config.env_file import with_declarations
from cluster.pools import own_pools, pools
from cluster.topology import Handover
from compose.home.paths import Home
from compose.operations.promotion.welcome import stale_pools
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of


@pytest.mark.parametrize(
    ("replicas", "stale"),
    [(2, {"appdb_read1"}), (1, {"appdb_read", "appdb_read1"})],
    ids=["one reads", "nobody else reads"],
)
def test_pools_that_stay_at_the_promoted_node_are_stale(tmp_path: Path, replicas: int, stale: set[str]) -> None:
    settings = settings_of(replicas=str(replicas))
    before = topology_of(settings)
    after = before.handed_over("replica1", Handover(source="primary", lsn="0/1", timeline=1))
    was, now = pools(settings, before), pools(settings, after)
    assert set(stale_pools(Stack(Home(tmp_path), settings, after), "replica1")) == stale
    assert stale == {pool for pool, nodes in now.items() if "replica1" in nodes and was.get(pool) == nodes}


def test_of_every_declared_database_the_pools_of_writers_have_moved(tmp_path: Path) -> None:
    settings = with_declarations(settings_of(replicas="2"), "[databases.my-shop]")
    after = topology_of(settings).handed_over("replica1", Handover(source="primary", lsn="0/1", timeline=1))
    assert set(stale_pools(Stack(Home(tmp_path), settings, after), "replica1")) == {"appdb_read1", "my-shop_read1"}


def test_a_replica_that_is_drained_has_an_own_pool_of_every_database() -> None:
    settings = with_declarations(settings_of(), "[databases.my-shop]")
    assert own_pools(settings, "blue") == ("appdb_read_blue", "my-shop_read_blue")
