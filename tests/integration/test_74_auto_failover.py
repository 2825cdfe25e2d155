"""PODS_FAILOVER=auto: the supervisor takes over where the primary is gone, and only there."""

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from cluster.postgres.connection import Access
from cluster.supervisor_status import SupervisorStatus
from compose.home.operation_lock import exclusive
from compose.home.paths import read_supervisor
from tests.fix_backup import running_cluster
from tests.fix_ledger import Ledger
from tests.fix_stack import BARE, Cluster, new_project
from tests.fix_wait import eventually

AFTER = 3


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Cluster]:
    """A primary, a replica and the supervisor."""
    home = tmp_path_factory.mktemp("auto")
    automatic = {"PODS_FAILOVER": "auto", "PODS_FAILOVER_AFTER": str(AFTER)}
    with running_cluster(home, new_project("auto"), PODS_REPLICAS="1", **BARE, **automatic) as cluster:
        yield cluster


def _seen(cluster: Cluster) -> SupervisorStatus:
    found = read_supervisor(cluster.home)
    assert found is not None
    return found


def _waits(cluster: Cluster, since: float = 0.0) -> bool:
    """Whether it has seen a primary that takes writes, after the Unix time ``since``."""
    seen = _seen(cluster)
    return (seen.action, seen.reason) == ("wait", "") and seen.updated > since and bool(seen.known)


@pytest.mark.chaos
def test_a_primary_that_crashes_and_comes_back_stays_the_primary(watched: Cluster) -> None:
    eventually(lambda: _waits(watched), 60, "the supervisor watches")
    assert "failover: auto, 3 s after the primary is gone" in watched.status()["notes"]
    before = watched.stack.containers()["primary"].restarts
    os.kill(watched.main_pid("primary"), signal.SIGKILL)
    eventually(lambda: watched.stack.containers()["primary"].restarts > before, 60, "the engine starts it again")
    watched.check_healthy()
    came_back = _seen(watched).updated
    eventually(lambda: _waits(watched, came_back + 2 * AFTER), 60, "it is watched for longer than it was gone")
    assert watched.stack.topology.primary == "primary"
    assert _seen(watched).failed_over is None


def test_under_the_lock_nothing_happens_and_then_a_replica_takes_over_with_every_commit(
    watched: Cluster, make_ledger: Callable[[Access], Ledger]
) -> None:
    ledger = make_ledger(watched.access())
    with ledger.running():
        ledger.wait_for(50)
        with exclusive(watched.home.lock, "a test"):
            # the entrypoint refuses data that is not of this role: it does not come back, however often it is started
            (watched.home.rendered / "nodes" / "primary" / "role").write_text("replica\n")
            watched.docker("kill", "--signal", "KILL", watched.container("primary"))
            eventually(lambda: "an operation holds" in _seen(watched).reason, 60, "it sees the lock")
            held = _seen(watched).updated
            eventually(lambda: _seen(watched).updated > held + 2 * AFTER, 60, "it waits longer than it would")
            assert watched.stack.topology.primary == "primary"
        eventually(lambda: watched.stack.topology.primary == "replica1", 120, "it fails over")
        ledger.wait_for(50)
    ledger.check(lambda sql: watched.query(sql, "replica1"))
    eventually(lambda: watched.stack.topology.handover is None, 120, "the old primary follows")
    watched.check_healthy()
    assert watched.same_everywhere()
    assert "PODS_FAILOVER=auto" in watched.inv.ok("history").out
    assert _seen(watched).failed_over is not None


def test_it_goes_when_failover_is_by_hand_again(watched: Cluster) -> None:
    env = watched.home.path / ".env"
    env.write_text(env.read_text().replace("PODS_FAILOVER=auto", "PODS_FAILOVER=manual"))
    assert "since PODS_FAILOVER is manual" in watched.inv.ok("up").err
    assert "supervisor" not in watched.stack.containers()
    assert "supervisor" not in watched.compose("config", "--services").split()
