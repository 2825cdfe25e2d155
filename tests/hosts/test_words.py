"""The words of one host, after the move: each does there what it did here, under load where clients could notice.

Tests build on each other, in this order, on a bed of their own: backups begin before the move.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from cluster.postgres.connection import login
from cluster.postgres.lsn import Lsn
from tests.fix_backup import NEVER, QUIET, Kept, utc
from tests.fix_inv import Inv
from tests.fix_ledger import TABLE
from tests.fix_wait import eventually
from tests.hosts.fix_bed import HostsCluster, one_that_moves, three_hosts
from tests.hosts.journey import (
    FAILOVER_SECONDS,
    POOLER_PORT,
    added,
    healthy,
    judge,
    leader_of,
    pooled,
    prepared,
    read,
    switched,
    timed,
    watching,
)
from tests.hosts.load import ManyHosts

pytestmark = pytest.mark.hosts
NODES = ("alpha", "beta", "gamma")


@dataclass
class KeptOnHosts(HostsCluster, Kept):
    """On its hosts, and backed up from here."""


@dataclass
class DatedLedger(ManyHosts):
    """Remembers when each row was begun, and when it was acknowledged."""

    moments: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)

    def _insert(self, connection: "psycopg.Connection[dict[str, object]]", worker: int, number: int) -> None:
        began = time.time()
        super()._insert(connection, worker, number)
        self.moments[worker, number] = (began, time.time())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[KeptOnHosts]:
    """Moved, with backups from before the move."""
    home = tmp_path_factory.mktemp("words")
    chosen = {**QUIET, **NEVER, "PODS_MONITORING": "off"}
    with three_hosts() as bed, one_that_moves(home, bed, **chosen):
        made = KeptOnHosts(Inv(home, bed.environment), bed)
        added(made)
        made.wait_first_backup()
        prepared(made)
        switched(made)
        made.inv.ok("up", timeout=600)
        yield made


def _dated(cluster: HostsCluster) -> DatedLedger:
    plain = pooled(cluster)
    return DatedLedger(plain.access, hosts=plain.hosts)


def _archived(cluster: KeptOnHosts) -> None:
    """The archive has all there is, over all that was done, without a hole."""
    goal = Lsn.parse(str(read(cluster, "SELECT pg_current_wal_flush_lsn()::text AS lsn")[0]["lsn"]))
    eventually(lambda: cluster._unarchived(goal) == "", 90, f"{goal} is archived", pause=1)
    assert cluster.missing() == []


def test_who_looks_sees_what_there_is(cluster: KeptOnHosts) -> None:
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy", pause=2)
    assert cluster.inv("doctor").code == 0
    assert "on its hosts" in cluster.inv.ok("config.check").err
    assert cluster.inv.ok("config.render", "--diff").out == ""
    assert "1" in cluster.inv.ok("psql", "--command", "SELECT 1").out
    for node in NODES:
        asked = "SELECT current_user || ' ' || pg_is_in_recovery()"
        found = cluster.inv.ok("psql", "--superuser", "--node", node, "--command", asked).out
        assert f"postgres {str(node != leader_of(cluster)).lower()}" in found


def test_databases_and_roles_are_made(cluster: KeptOnHosts) -> None:
    """In the primary, and in the PgBouncer of every host."""
    cluster.inv.ok("database.add", "shop")
    cluster.inv.ok("role.add", "bob", "--write", "shop")
    password = (cluster.home.secrets / "roles" / "bob").read_text().strip()
    for name in (*NODES, "local"):
        assert _user(cluster, name, "bob", password) == "bob"
    cluster.inv.ok("role.rotate", "bob")
    password = (cluster.home.secrets / "roles" / "bob").read_text().strip()
    assert _user(cluster, "beta", "bob_alternate", password) == "bob"
    cluster.inv.ok("role.rotate", "bob", "--finish", "--yes")
    with pytest.raises(psycopg.OperationalError):
        _user(cluster, "beta", "bob", password)
    again = cluster.inv.ok("up", timeout=600)
    assert "made in the primary" not in again.out + again.err
    cluster.inv.ok("role.drop", "bob", "--yes")
    cluster.inv.ok("database.drop", "shop", "--yes")
    assert "shop" not in cluster.inv.ok("database.list").out


def _user(cluster: HostsCluster, host: str, user: str, password: str) -> str:
    known = login(cluster.on_host(host, "app", "shop", POOLER_PORT)) | {"user": user, "password": password}
    with psycopg.connect(**known, dbname="shop", prepare_threshold=None) as connection:
        row = connection.execute("SELECT current_user::text").fetchone()
    assert row is not None
    return str(row[0])


def test_changed_parameters_come_into_force(cluster: KeptOnHosts) -> None:
    """One that a reload takes, and one that wants the restart of servers, under load: nothing acknowledged is lost."""
    with (cluster.home.path / ".env").open("a") as file:
        file.write("PODS_MAX_CONNECTIONS=80\n")
    (cluster.home.user_config / "postgresql.conf").write_text("log_min_duration_statement = 3000\n")
    ledger, monitor = pooled(cluster), watching(cluster)
    with ledger.running(), monitor.running():
        ledger.wait_for(50)
        with timed("config.apply"):
            cluster.inv.ok("config.apply", timeout=600)
        ledger.wait_for(50, FAILOVER_SECONDS)
    judge(cluster, ledger, monitor)
    assert ledger.errors == []
    for node in NODES:
        shown = "SELECT current_setting('max_connections') || ' ' || current_setting('log_min_duration_statement')"
        assert "80 3s" in cluster.inv.ok("psql", "--node", node, "--command", shown).out
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy", pause=2)


@pytest.mark.parametrize(
    "words", [("switchover",), ("switchover", "--to"), ("restart",), ("restart", "--node")], ids=" ".join
)
def test_clients_wait_and_nothing_fails(cluster: KeptOnHosts, words: tuple[str, ...]) -> None:
    leader = leader_of(cluster)
    other = next(name for name in NODES if name != leader)
    given = (*words, other) if words[-1].startswith("--") else words
    ledger, monitor = pooled(cluster), watching(cluster)
    with ledger.running(), monitor.running():
        ledger.wait_for(100)
        cluster.inv.ok(*given, timeout=300)
        ledger.wait_for(100, FAILOVER_SECONDS)
    judge(cluster, ledger, monitor)
    assert ledger.errors == []
    if words[0] == "switchover":
        assert leader_of(cluster) != leader
    print(f"{' '.join(given)}: longest gap {ledger.longest_gap:.2f} s")
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy", pause=2)


def test_no_login_fails_while_certificates_are_renewed(cluster: KeptOnHosts) -> None:
    ledger, logins, failed = pooled(cluster), 0, list[str]()
    with ledger.running():
        ledger.wait_for(20)
        began = time.monotonic()
        cluster.inv.ok("certs.renew")
        while time.monotonic() < began + 20:  # agents take theirs up when they look next
            for name in NODES:
                for port in (POOLER_PORT, 5432):
                    try:
                        with psycopg.connect(**login(cluster.on_host(name, "app", port=port)), dbname="appdb"):
                            logins += 1
                    except psycopg.Error as error:
                        failed.append(f"{name}:{port}: {error}")
        ledger.wait_for(20)
    assert failed == []
    assert ledger.errors == []
    print(f"certs.renew: {logins} logins, none failed")
    cluster.inv.ok("hosts.status")
    cluster.inv.ok("hosts.sync")


def test_the_archive_has_no_hole_over_move_and_failover_and_leads_to_both_sides(cluster: KeptOnHosts) -> None:
    ledger = _dated(cluster)
    killed = cluster.bed[leader_of(cluster)]
    with ledger.running():
        ledger.wait_for(200)
        before = time.time()
        ledger.wait_for(50)
        killed.kill()
        ledger.wait_for(100, FAILOVER_SECONDS)
        after = time.time()
        ledger.wait_for(100)
        killed.start()
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "the host that died is a replica again", pause=2)
    ledger.check(lambda sql: read(cluster, sql))
    _archived(cluster)
    for name, moment in (("before", before), ("after", after)):
        cluster.inv.ok("backup.restore", "--as-node", name, "--to-time", utc(moment), "--yes", timeout=600)
        _judge_at(ledger, _rows(cluster, name), moment)
        cluster.inv.ok("backup.discard", name, "--yes")
    cluster.inv.ok("backup.now", timeout=300)
    cluster.inv.ok("backup.verify", timeout=300)
    assert len(cluster.backups()) >= 2
    print(f"archive: {len(ledger.acknowledged)} rows, timelines {_timelines(cluster)}")


def _rows(cluster: HostsCluster, node: str) -> set[tuple[int, int]]:
    sql = f"COPY (SELECT worker, number FROM {TABLE}) TO STDOUT (FORMAT csv)"
    lines = cluster.inv.ok("psql", "--node", node, "--database", "appdb", "--command", sql).out.split()
    return {(int(worker), int(number)) for worker, number in (line.split(",") for line in lines)}


def _judge_at(ledger: DatedLedger, found: set[tuple[int, int]], moment: float) -> None:
    """All that was acknowledged before the moment, and nothing that was begun after it."""
    lost = {entry for entry, (_, done) in ledger.moments.items() if done < moment} - found
    assert not lost, sorted(lost)[:5]
    late = found & {entry for entry, (began, _) in ledger.moments.items() if began > moment}
    assert not late, sorted(late)[:5]


def _timelines(cluster: Kept) -> list[Any]:
    return [place.get("timeline") for place in cluster.ask("backup.windows")]


def test_what_is_refused_says_what_to_do_instead(cluster: KeptOnHosts) -> None:
    refused = cluster.inv("replica.add")
    assert refused.code == 3
    assert "config/hosts.toml" in refused.err
    assert "--as-node" in cluster.inv("backup.restore", "--in-place", "--yes").err
    assert "leads and runs" in cluster.inv("failover").err
