"""The way of a cluster to several hosts, one function a stretch; each holds what it promises."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg

from cluster.errors import PodsError
from cluster.topology_file import load
from compose.home import passwords
from tests.fix_ledger import TABLE, Ledger
from tests.fix_wait import eventually
from tests.hosts.bed import LOCAL
from tests.hosts.fix_bed import HostsCluster
from tests.hosts.load import MONITOR_TABLE, ManyHosts, Monitor

POOLER_PORT = 6432
FAILOVER_SECONDS = 120.0
"""Two busy processors; what is asserted is order and loss, and the time is printed."""
HEALTHY_SECONDS = 300.0
"""Until all members stream again, of which one may be rewound: 120 s were too few at a load of 130."""
HANDOVER_SECONDS = 120.0
"""Three looks of pods-handover, five seconds apart, and a vote that starts again."""


def added(cluster: HostsCluster, *names: str) -> None:
    """The cluster is up, its hosts (all, if none is named) are checked and added."""
    cluster.inv.ok("up", timeout=900)
    cluster.inv.ok("hosts.check")
    for name in (*(names or cluster.bed.hosts), LOCAL):
        cluster.inv.ok("hosts.add", name, "--yes", timeout=600)


def prepared(cluster: HostsCluster) -> None:
    """A standby cluster streams on the hosts, and the running one goes on."""
    cluster.query("CREATE TABLE before_hosts AS SELECT generate_series(1, 1000) AS id")
    cluster.query("GRANT SELECT ON before_hosts TO app")
    cluster.inv.ok("hosts.prepare", "--yes", timeout=900)


def switched(cluster: HostsCluster) -> None:
    """The move is made while programs write through the pool they always had: no transaction of theirs fails."""
    ledger = Ledger(cluster.access())
    ledger.prepare()
    with ledger.running():
        ledger.wait_for(100)
        cluster.inv.ok("hosts.switch", timeout=600)
        ledger.wait_for(100)
    assert ledger.errors == []
    eventually(lambda: healthy(cluster), 30, "healthy after the move, without an `up`", pause=1)
    assert voter_of(cluster) != leader_of(cluster), "the move lets another host lead etcd than the primary's"
    ledger.check(lambda sql: read(cluster, sql))
    assert read(cluster, "SELECT count(*) AS n FROM before_hosts") == [{"n": 1000}]
    print(f"hosts.switch: longest gap {ledger.longest_gap:.2f} s, {len(ledger.acknowledged)} acknowledged")


def moved(cluster: HostsCluster) -> None:
    """All of it, unless it was done in this run."""
    topology = load(cluster.home.topology)
    if topology is None or topology.engine != "patroni":
        added(cluster)
        prepared(cluster)
        switched(cluster)
        cluster.inv.ok("up", timeout=900)


@contextmanager
def steady(cluster: HostsCluster) -> Iterator[HostsCluster]:
    """On its hosts, healthy before and after."""
    moved(cluster)
    eventually(lambda: healthy(cluster), HEALTHY_SECONDS, "healthy before", pause=2)
    yield cluster
    eventually(lambda: healthy(cluster), HEALTHY_SECONDS, "healthy afterwards", pause=2)


def killed_leader(cluster: HostsCluster) -> float:
    """The leader's host loses its power under load; it comes back as a replica. Seconds without a write."""
    ledger, monitor = pooled(cluster), watching(cluster)
    leader = cluster.bed[leader_of(cluster)]
    voter = voter_of(cluster)
    with ledger.running(), monitor.running():
        ledger.wait_for(100)
        leader.kill()
        ledger.wait_for(100, FAILOVER_SECONDS)
        survivor = leader_of(cluster)
        assert survivor != leader.name
        leader.start()
        eventually(lambda: healthy(cluster), HEALTHY_SECONDS, "the host that died is a replica again")
        # nobody runs a task: the vote beside the new primary gives its lead away, and no program notices
        leading = voter_of(cluster) == survivor
        eventually(
            lambda: voter_of(cluster) not in ("", survivor), HANDOVER_SECONDS, "another host leads etcd", pause=1
        )
        ledger.wait_for(50)
    judge(cluster, ledger, monitor)
    noted = json.loads(cluster.inv.ok("history", "--json").out)["changes"][-1]
    assert (noted["event"], noted["primary"], noted["before"]) == ("failover", survivor, leader.name)
    assert f"primary: {survivor} since" in cluster.inv("status").out
    measured("killed host" + (", which led etcd too" if voter == leader.name else ""), ledger)
    print(f"the vote beside the new primary led etcd when all was well again: {leading}")
    return ledger.longest_gap


@contextmanager
def under_load(cluster: HostsCluster) -> Iterator[ManyHosts]:
    """Writers and the monitor, and judgement when all is mended."""
    ledger, monitor = pooled(cluster), watching(cluster)
    with ledger.running(), monitor.running():
        ledger.wait_for(50)
        yield ledger
        ledger.wait_for(50, FAILOVER_SECONDS)
        eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy again", pause=2)
        ledger.wait_for(20)
    judge(cluster, ledger, monitor)
    measured("all clients", ledger)


def pooled(cluster: HostsCluster, *hosts: str, table: str = TABLE) -> ManyHosts:
    """Writers through the poolers of all hosts, or of these alone, by one string."""
    names = hosts or tuple(cluster.bed.hosts)
    access = cluster.on_host(names[0], passwords.APP, "appdb_write", POOLER_PORT)
    ledger = ManyHosts(access, hosts=tuple(cluster.bed.address(name) for name in names), table=table)
    eventually(lambda: _done(ledger.prepare), FAILOVER_SECONDS, "a table to write to", pause=1)
    return ledger


def watching(cluster: HostsCluster) -> Monitor:
    """A monitor of every node by itself."""
    monitor = Monitor({name: cluster.on_host(name, passwords.APP) for name in cluster.bed.hosts})
    eventually(lambda: _done(lambda: monitor.prepare(leader_of(cluster))), FAILOVER_SECONDS, "a table", pause=1)
    return monitor


def _done(prepare: Callable[[], None]) -> bool:
    """Whether it was to be done: a login that takes longer than 2 s is refused, and here is no fault to be found."""
    try:
        prepare()
    except psycopg.Error:
        return False
    return True


def judge(cluster: HostsCluster, ledger: Ledger, monitor: Monitor) -> None:
    """Nothing acknowledged is lost, and at no moment two nodes took writes."""
    monitor.check()
    ledger.check(lambda sql: read(cluster, sql))
    kept = [row["number"] for row in read(cluster, f"SELECT number FROM {MONITOR_TABLE}")]
    assert monitor.lost(kept) == []


def measured(what: str, ledger: Ledger) -> None:
    """Print what is recorded and not asserted, with the load of the machine, without which times mean little."""
    gap, kept, load_now = ledger.longest_gap, len(ledger.acknowledged), os.getloadavg()[0]
    print(f"{what}: {gap:.1f} s without a write, {kept} acknowledged, 0 lost, load {load_now:.0f}")


def read(cluster: HostsCluster, sql: str) -> list[dict[str, int]]:
    """Rows from whichever host takes writes now, through the poolers."""
    reader = ManyHosts(
        replace(cluster.on_host("alpha", passwords.APP, "appdb_write", POOLER_PORT)),
        hosts=tuple(cluster.bed.address(name) for name in cluster.bed.hosts),
    )
    with reader.session() as connection:
        return list(connection.execute(sql.encode()).fetchall())


def leader_of(cluster: HostsCluster, timeout: float = FAILOVER_SECONDS) -> str:
    """The one host whose server says that it is no standby."""
    found: list[str] = []

    def one() -> bool:
        found[:] = [name for name in cluster.bed.hosts if takes_writes(cluster, name)]
        return len(found) == 1

    eventually(one, timeout, "one leader", pause=0.5)
    return found[0]


def voter_of(cluster: HostsCluster) -> str:
    """The host whose vote leads etcd; "" while it changes hands."""
    return str(next((row["name"] for row in cluster.status()["hosts"]["hosts"] if row["vote_leads"]), ""))


def takes_writes(cluster: HostsCluster, name: str) -> bool:
    """Whether a host's server answers, and is a primary."""
    from cluster.postgres.connection import connect

    try:
        with connect(replace(cluster.on_host(name, passwords.APP), connect_timeout=2, patience=4)) as connection:
            return bool(connection.execute("SELECT NOT pg_is_in_recovery() AS yes").fetchone()["yes"])  # type: ignore[index]
    except PodsError:
        return False


def healthy(cluster: HostsCluster) -> bool:
    """Whether `inv status` finds nothing wrong."""
    return cluster.inv("status").code == 0


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the body took: recorded, not asserted."""
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s")
