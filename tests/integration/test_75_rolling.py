"""Work that goes from node to node while clients write and read: restarts, parameters. Nothing of theirs may fail."""

import time
from collections.abc import Callable, Iterator

import pytest

from cluster.errors import RefusedError
from cluster.postgres.connection import Access, connect
from compose.console import Console
from compose.home import passwords
from compose.operations import open_transactions
from compose.operations.restart import restart
from tests.fix_backup import running_cluster
from tests.fix_guard import guards
from tests.fix_ledger import Ledger
from tests.fix_readers import Readers
from tests.fix_stack import BARE, Cluster, new_project
from tests.fix_wait import eventually


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Cluster]:
    """A primary and a replica, whichever is which."""
    home = tmp_path_factory.mktemp("rolling")
    with running_cluster(home, new_project("rolling"), PODS_REPLICAS="1", **BARE) as cluster:
        yield cluster


def _started(cluster: Cluster) -> dict[str, object]:
    return {name: container.started for name, container in cluster.stack.containers().items()}


def _replica(cluster: Cluster) -> str:
    (replica,) = cluster.stack.topology.replicas
    return replica.name


def test_a_rolling_restart_fails_no_transaction_and_leaves_the_old_primary_as_a_replica(
    running: Cluster, make_ledger: Callable[[Access], Ledger]
) -> None:
    before, replica = _started(running), _replica(running)
    ledger = make_ledger(running.access())
    readers = Readers([running.access(database=pool) for pool in ("appdb_read", "appdb_read1")])
    with ledger.running(), readers.running():
        ledger.wait_for(20)
        running.inv.ok("restart", "--rolling")
        ledger.wait_for(20)
    assert (ledger.errors, readers.errors) == ([], [])
    now = _started(running)
    assert {name for name in now if now[name] != before[name]} == {"primary", "replica1"}
    assert running.stack.topology.primary == replica
    ledger.check(lambda sql: running.query(sql, replica))
    running.check_healthy()


@pytest.mark.chaos
def test_killed_between_two_nodes_its_guard_runs_up_and_everybody_is_served(running: Cluster) -> None:
    primary = running.stack.topology.primary
    running.inv.interrupted("KILL", 0, "restart", "--rolling")  # the replica is back; its first step with the primary
    eventually(lambda: not guards(running.home.path), 180, "the guard's end, which runs up")
    assert running.stack.topology.primary == primary
    assert running.query("SELECT 1 AS one", "pgbouncer", passwords.APP, "appdb_read") == [{"one": 1}]
    running.check_healthy()


def test_what_has_run_for_long_is_named_before_anything_is_touched(
    running: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _started(running)
    monkeypatch.setattr(open_transactions, "LONG", 0.1)
    with connect(running.access(database="appdb_read")) as reader, reader.transaction():
        reader.execute("SELECT 1")
        time.sleep(0.2)
        with pytest.raises(RefusedError, match=f"on {_replica(running)} a transaction of app .* has run for"):
            restart(running.stack, Console(), None, rolling=True)
    assert _started(running) == before


def test_a_replica_that_does_not_come_back_ends_it_and_everybody_is_served(running: Cluster) -> None:
    replica, primary = _replica(running), running.stack.topology.primary
    before = _started(running)[primary]
    signal = running.home.node(replica) / "18/docker/standby.signal"
    signal.unlink()
    failed = running.inv("restart", "--rolling")
    assert (failed.code, replica in failed.err) == (5, True), failed
    assert _started(running)[primary] == before
    for pool in ("appdb_write", "appdb_read"):
        assert running.query("SELECT 1 AS one", "pgbouncer", passwords.APP, pool) == [{"one": 1}]
    running.inv.ok("up")
    running.check_healthy()


def _set(cluster: Cluster, **settings: str) -> None:
    with (cluster.home.path / ".env").open("a") as env:
        env.write("".join(f"{name}={value}\n" for name, value in settings.items()))


def test_a_parameter_that_wants_a_restart_is_named_and_restart_takes_it(running: Cluster) -> None:
    """First higher than before, then as before, which is lower: a replica must never have less than its primary."""
    env, nodes = running.home.path / ".env", running.stack.topology.names
    old, before = env.read_text(), running.query("SHOW max_connections")[0]["max_connections"]
    for value, text in (("120", f"{old}PODS_MAX_CONNECTIONS=120\n"), (before, old)):
        assert value != running.query("SHOW max_connections")[0]["max_connections"]
        env.write_text(text)
        assert "needs a restart for max_connections" in running.inv.ok("up").err
        assert running.node(_replica(running))["pending_restart"] == ["max_connections"]
        running.inv.ok("restart")
        for node in nodes:
            assert running.query("SHOW max_connections", node) == [{"max_connections": value}]
            assert running.node(node)["pending_restart"] == []
    running.check_healthy()


def test_parameters_take_effect_by_no_more_than_they_need(
    running: Cluster, make_ledger: Callable[[Access], Ledger]
) -> None:
    """A higher limit is taken by the replica first, which takes over; a lower one by the primary, where it is."""
    primary, replica, before = running.stack.topology.primary, _replica(running), _started(running)
    running.home.user_config.mkdir(exist_ok=True)
    mine = running.home.user_config / "postgresql.conf"
    mine.write_text("log_min_duration_statement = 7s\n")
    _set(running, PODS_MAX_CONNECTIONS="120")
    plan = running.inv.ok("config.apply", "--dry-run").out
    assert "replicas first: it gets higher" in plan
    assert f"another node becomes the primary, its clients wait at PgBouncer; {primary} restarts" in plan
    assert running.query("SHOW log_min_duration_statement", primary) != [{"log_min_duration_statement": "7s"}]

    ledger = make_ledger(running.access())
    with ledger.running():
        ledger.wait_for(5)
        running.inv.ok("config.apply")
        assert running.stack.topology.primary == replica
        raised = _started(running)
        assert {name for name in raised if raised[name] != before[name]} == {primary, replica}
        _set(running, PODS_MAX_CONNECTIONS="100")
        assert f"restart {replica} where it is" in running.inv.ok("config.apply", "--dry-run").out
        running.inv.ok("config.apply")
        assert running.stack.topology.primary == replica
        lowered = _started(running)
        mine.unlink()
        running.inv.ok("config.apply")  # a reload
        assert _started(running) == lowered
        ledger.wait_for(5)
    assert ledger.errors == []
    for node in (primary, replica):
        shown = [
            running.query(f"SHOW {name}", node)[0][name] for name in ("max_connections", "log_min_duration_statement")
        ]
        assert (shown[0], shown[1] != "7s") == ("100", True)
    assert "nothing differs" in running.inv.ok("config.apply").err
    running.check_healthy()
