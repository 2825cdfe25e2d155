"""One cluster for the tests of declared databases; each leaves it healthy, and what it declared to itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_declared import Platform
from tests.fix_inv import Inv
from tests.fix_stack import BARE, new_project, purge, write_env


@pytest.fixture(scope="package")
def declared_cluster(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Platform]:
    """With one replica, and nobody who watches."""
    path: Path = tmp_path_factory.mktemp("declared")
    write_env(path, new_project("declared"), PODS_REPLICAS="1", **BARE)
    inv = Inv(path)
    try:
        inv.ok("up", timeout=900)
        yield Platform(inv)
    finally:
        purge(inv)


@pytest.fixture
def platform(declared_cluster: Platform) -> Iterator[Platform]:
    """The shared cluster, checked after the test."""
    yield declared_cluster
    declared_cluster.check_healthy()
