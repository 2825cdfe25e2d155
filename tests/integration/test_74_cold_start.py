"""After a loss of power: in whatever order nodes start, and whatever was put back, exchanged or left out by hand.

One cluster with one replica; its data directories are moved about as a person would, with nothing running.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.errors import MachineError
from cluster.naming import FIRST_PRIMARY
from cluster.postgres.connection import Access
from cluster.postgres.data_directory import PGDATA
from tests.fix_inv import Inv, Result
from tests.fix_ledger import Ledger
from tests.fix_stack import BARE, Cluster, new_project, purge, write_env
from tests.fix_wait import eventually

NODES = (FIRST_PRIMARY, "replica1")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Cluster]:
    """A primary and a replica of this file's own."""
    home = tmp_path_factory.mktemp("cold")
    write_env(home, new_project("cold"), PODS_REPLICAS="1", **BARE)
    made = Cluster(Inv(home))
    made.inv.ok("up")
    yield made
    purge(made.inv)


def _lose_power(cluster: Cluster) -> None:
    """All at once; one that the engine was about to start again is not started any more."""
    ids = [each.id for each in cluster.stack.containers().values()]
    subprocess.run(["docker", "kill", *ids], check=False, capture_output=True)
    cluster.docker("stop", *ids)


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


@contextmanager
def _instead(directory: Path, other: Path) -> Iterator[None]:
    """``other`` where a node's directory was; what it is afterwards is thrown away."""
    kept = directory.rename(directory.parent.parent / "kept")
    _copy(other, directory)
    yield
    shutil.rmtree(directory)
    kept.rename(directory)


def _refused(cluster: Cluster, *words: str) -> Result:
    """`up` says the line, starts nothing, and leaves the data as it is."""
    before = {each.id: each.status for each in cluster.stack.containers().values()}
    control = {node: (cluster.home.node(node) / PGDATA / "global/pg_control").read_bytes() for node in NODES}
    result = cluster.inv("up")
    assert result.code == 3, result
    assert [word for word in words if word not in result.err] == [], result
    assert {each.id: each.status for each in cluster.stack.containers().values()} == before
    assert {node: (cluster.home.node(node) / PGDATA / "global/pg_control").read_bytes() for node in NODES} == control
    return result


def _start_plainly(cluster: Cluster, *nodes: str) -> None:
    """Without `inv`: what the engine does after a reboot, or `docker compose up`."""
    cluster.docker("start", *(cluster.container(node) for node in nodes))


def _refuses(cluster: Cluster, node: str, words: str) -> None:
    """The node's own container does not start PostgreSQL, and says why."""
    eventually(lambda: words in cluster.compose("logs", "--tail=3", node), 20, f"{node}: {words}")


def _answers(cluster: Cluster, node: str) -> bool:
    try:
        return cluster.query("SELECT 1 AS n", node) == [{"n": 1}]
    except MachineError:
        return False


def test_whatever_starts_first_after_a_loss_of_power_no_acknowledged_commit_is_lost(
    pair: Cluster, make_ledger: Callable[[Access], Ledger]
) -> None:
    ledger = make_ledger(pair.access())
    with ledger.running():
        ledger.wait_for(200)
        for container in pair.stack.containers().values():  # as far as the engine knows, they ended by themselves
            init = int(pair.docker("inspect", "--format", "{{.State.Pid}}", container.id))
            os.kill(init, signal.SIGKILL)
        ledger.wait_for(200)
        _lose_power(pair)
        (pair.home.node("replica1") / PGDATA / "postmaster.pid").write_text("")
        pid = pair.home.node("primary") / PGDATA / "postmaster.pid"
        pid.write_text("1\n" + pid.read_text().split("\n", 1)[1])  # the container's init, which lives
        _start_plainly(pair, "replica1", "pgbouncer", "primary")
        ledger.wait_for(200)
        _lose_power(pair)
    pair.inv.ok("up")
    ledger.check(pair.query)
    pair.same_everywhere()


def _exchange(cluster: Cluster) -> None:
    primary, replica = (cluster.home.node(node) for node in NODES)
    other = replica.rename(cluster.home.path / "other")
    primary.rename(replica)
    other.rename(primary)


def test_exchanged_directories_another_cluster_s_and_two_primaries_of_one_epoch_start_nowhere(pair: Cluster) -> None:
    primary, replica = (pair.home.node(node) for node in NODES)
    identity = pair.home.rendered / "nodes" / "replica1" / "identity"
    _lose_power(pair)

    _exchange(pair)
    _refused(pair, "holds a replica's data and", "they seem to have been exchanged", f"mv {primary} {replica} && ")
    _start_plainly(pair, "replica1", "primary")
    _refuses(pair, "primary", "its data is a replica's")
    _refuses(pair, "replica1", "would start as a second primary")
    pair.docker("stop", pair.container("primary"), pair.container("replica1"))
    _exchange(pair)

    known = identity.read_text()
    identity.write_text("7 0\n")  # the data in data/replica1 is another cluster's, as its container sees it
    _start_plainly(pair, "replica1")
    _refuses(pair, "replica1", "this is the data of another cluster")
    pair.docker("stop", pair.container("replica1"))
    identity.write_text(known)

    (replica / PGDATA / "standby.signal").unlink()
    single = ["postgres", "--single", "-D", f"/var/lib/postgresql/{PGDATA}", "appdb"]
    run = ["run", "--rm", "--no-deps", "-T", "replica1"]
    pair.compose(*run, *single, stdin="CREATE TABLE second ()\n")
    _refused(pair, "primary and replica1 both hold a primary's data of timeline 1", f"move {replica} away")
    shutil.rmtree(replica)
    pair.inv.ok("up")
    pair.same_everywhere()


def test_an_old_primary_starts_nowhere_after_switchovers(pair: Cluster, tmp_path: Path) -> None:
    _lose_power(pair)
    _copy(pair.home.node("primary"), tmp_path / "old")
    pair.inv.ok("up")
    for target in ("replica1", "primary"):
        pair.inv.ok("switchover", "--to", target)
    pair.query("CREATE TABLE after_switchovers ()")
    pair.wait_replayed()
    _lose_power(pair)
    with _instead(pair.home.node("primary"), tmp_path / "old"):
        _refused(pair, "the primary's newest data is missing", "is of timeline 1", "on timeline 3")
        _start_plainly(pair, "replica1", "primary")
        _refuses(pair, "primary", "this is an old copy: its timeline is 1, and the primary has been on timeline 3")
        pair.docker("stop", pair.container("primary"))
    pair.inv.ok("up")
    pair.same_everywhere()


def test_one_commit_that_an_old_copy_lacks_is_noticed_and_kept_by_the_choice_that_up_names(
    pair: Cluster, tmp_path: Path
) -> None:
    primary = pair.home.node("primary")
    pair.query("CREATE TABLE seen (n int)")
    pair.wait_replayed()
    _lose_power(pair)
    _copy(primary, tmp_path / "old")
    pair.inv.ok("up")
    pair.query("INSERT INTO seen VALUES (1)")
    pair.wait_replayed()
    _lose_power(pair)
    shutil.rmtree(primary)
    _copy(tmp_path / "old", primary)
    _refused(pair, "the primary's newest data is missing", "and replica1 has", "choose: put the newer data back")
    _start_plainly(pair, "primary")  # of this its own directory knows nothing, and so it starts
    eventually(lambda: _answers(pair, "primary"), 60, "the old copy answers")
    assert pair.query("SELECT FROM seen") == []
    pair.query("INSERT INTO seen SELECT generate_series(2, 500)")  # and goes further than the replica ever came
    pair.docker("kill", pair.container("primary"))
    refused = _refused(pair, "primary and replica1 went different ways of timeline")
    choice = re.search(r"docker compose (up --detach replica1), then inv (failover .*?);", refused.err)
    assert choice is not None, refused
    pair.compose(*choice[1].split())
    _start_plainly(pair, "pgbouncer")  # without it the failover waits for it, and says so
    eventually(lambda: _answers(pair, "replica1"), 60, "replica1 answers")
    pair.inv.ok(*choice[2].split())
    pair.inv.ok("up")
    assert pair.query("SELECT n FROM seen", "replica1") == [{"n": 1}]
    pair.same_everywhere()
