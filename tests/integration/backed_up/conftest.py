"""One cluster that is backed up, for the tests of this folder; it is gone when they are over."""

from collections.abc import Iterator

import pytest

from tests.fix_backup import NEVER, QUIET, Kept, running_cluster
from tests.fix_stack import new_project


@pytest.fixture(scope="package")
def backed_up(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Kept]:
    """With one replica and an exporter."""
    path, project = tmp_path_factory.mktemp("backed-up"), new_project("kept")
    with running_cluster(path, project, PODS_REPLICAS="1", **QUIET, **NEVER) as cluster:
        cluster.wait_first_backup()
        yield cluster
        cluster.wait_archived()
        assert cluster.missing() == [], "after all that was done to it, the archive has a hole"


@pytest.fixture
def kept(backed_up: Kept) -> Iterator[Kept]:
    """The shared cluster; each test leaves it healthy, but for a drill that was meant to fail."""
    yield backed_up
    reasons = [each for each in backed_up.status()["reasons"] if not each.startswith("the last drill")]
    assert not reasons, f"the test left the cluster unhealthy: {reasons}"
