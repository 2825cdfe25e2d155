"""The words of one host, after the move: each does there what it did here, under load where clients could notice.

Tests build on each other, in this order, on a bed of their own: backups begin before the move.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import psycopg
import pytest

from cluster.config.docker_hosts import Host
from cluster.postgres.connection import login
from cluster.postgres.lsn import Lsn
from compose.console import Console
from compose.engine import image_build, package_changes
from compose.home import passwords
from compose.operations import update_images
from tests.fix_backup import NEVER, QUIET, Kept, utc
from tests.fix_images import images
from tests.fix_inv import Inv
from tests.fix_ledger import TABLE
from tests.fix_wait import eventually
from tests.hosts.bed import LOCAL
from tests.hosts.docker_command import docker
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
POOLERS = (*NODES, LOCAL)


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
def cluster(tmp_path_factory: pytest.TempPathFactory, built: None, tagged: list[str]) -> Iterator[KeptOnHosts]:
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
    """In the primary, and in the PgBouncer of every host; who uses an old password is ended at each of them."""
    cluster.inv.ok("database.add", "shop")
    cluster.inv.ok("role.add", "bob", "--write", "shop")
    password = (cluster.home.secrets / "roles" / "bob").read_text().strip()
    for name in POOLERS:
        assert _user(cluster, name, "bob", password) == "bob"
    with ExitStack() as opened:
        old = {name: opened.enter_context(_session(cluster, name, "bob", password)) for name in POOLERS}
        cluster.inv.ok("role.rotate", "bob")
        new = (cluster.home.secrets / "roles" / "bob").read_text().strip()
        assert _user(cluster, "beta", "bob_alternate", new) == "bob"
        refused = cluster.inv("role.rotate", "bob", "--finish")
        assert refused.code == 3
        assert all(f"at pgbouncer on {name}" in refused.err for name in POOLERS[:2]), refused.err
        cluster.inv.ok("role.rotate", "bob", "--finish", "--yes")
        for name, session in old.items():
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError):
                _user(cluster, name, "bob", password)
    assert _user(cluster, "gamma", "bob_alternate", new) == "bob"
    again = cluster.inv.ok("up", timeout=600)
    assert "made in the primary" not in again.out + again.err
    cluster.inv.ok("role.drop", "bob", "--yes")
    cluster.inv.ok("database.drop", "shop", "--yes", timeout=600)
    assert "shop" not in {line.split()[0] for line in cluster.inv.ok("database.list").out.splitlines() if line.strip()}


def test_what_is_set_on_a_role_holds_at_every_pgbouncer(cluster: KeptOnHosts) -> None:
    """For clients that are connected already, and no transaction of theirs fails."""
    cluster.inv.ok("up", timeout=600)
    password = cluster.on_host("alpha", passwords.APP).password
    ledger = pooled(cluster)
    with ExitStack() as opened, ledger.running():
        sessions = {
            name: opened.enter_context(_session(cluster, name, "app", password, "appdb_write")) for name in POOLERS
        }
        ledger.wait_for(50)
        change = "ALTER ROLE app SET statement_timeout = '77s'"
        cluster.inv.ok("psql", "--superuser", "--node", leader_of(cluster), "--command", change)
        said = cluster.inv.ok("up", timeout=600)
        assert "opens its server connections anew" in said.out + said.err
        for name, session in sessions.items():
            eventually(lambda session=session: _timeout(session) == "77s", 20, f"{name} has new connections")  # type: ignore[misc]
        ledger.wait_for(50)
    assert ledger.errors == []
    cluster.inv.ok("psql", "--superuser", "--node", leader_of(cluster), "--command", "ALTER ROLE app RESET ALL")
    cluster.inv.ok("up", timeout=600)


def _timeout(session: "psycopg.Connection[Any]") -> str:
    row = session.execute("SHOW statement_timeout").fetchone()
    assert row is not None
    return str(row[0])


def _session(
    cluster: HostsCluster, host: str, user: str, password: str, database: str = "shop"
) -> "psycopg.Connection[Any]":
    known = login(cluster.on_host(host, "app", database, POOLER_PORT)) | {"user": user, "password": password}
    return psycopg.connect(**known, dbname=database, prepare_threshold=None, autocommit=True)


def _user(cluster: HostsCluster, host: str, user: str, password: str) -> str:
    with _session(cluster, host, user, password) as connection:
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
    ledger, logins, failed, done = pooled(cluster), list[str](), list[str](), threading.Event()

    def log_in() -> None:
        for name, port in cycle((name, port) for name in NODES for port in (POOLER_PORT, 5432)):
            if done.wait(0.1):
                return
            try:
                with psycopg.connect(**login(cluster.on_host(name, "app", port=port)), dbname="appdb"):
                    logins.append(name)
            except psycopg.Error as error:
                failed.append(f"{name}:{port}: {error}")

    others = threading.Thread(target=log_in, daemon=True)
    with ledger.running():
        ledger.wait_for(20)
        others.start()
        cluster.inv.ok("certs.renew")
        time.sleep(20)  # agents take theirs up when they look next
        done.set()
        others.join(30)
        ledger.wait_for(20)
    assert logins
    assert failed == []
    assert ledger.errors == []
    print(f"certs.renew: {len(logins)} logins, none failed")
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


@pytest.fixture(scope="module")
def tagged() -> Iterator[list[str]]:
    """Names of images that go when nobody needs them any more."""
    names: list[str] = []
    yield names
    for each in names:
        docker("rmi", each, check=False)


@pytest.fixture
def newer(tagged: list[str], cluster: KeptOnHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive with something newer; what a build would make is a new name for what is there."""
    have = images(Host(name="alpha", address="192.0.2.1", ssh="deploy@192.0.2.1"))

    def name(client: Any, image: str, wanted: str) -> None:
        client.api.tag(image, *wanted.split(":"))
        tagged.append(wanted)

    def bring_base(*arguments: Any) -> None:
        name(arguments[0], have.postgres, arguments[3])

    def ensure(client: Any, settings: Any, source: str, base: str, console: Console, stamp: str = "") -> Any:
        wanted = image_build.expected(settings, source, base, stamp)
        for role in ("postgres", "pgbouncer", "services", "hosts"):
            name(client, getattr(have, role), getattr(wanted, role))
        return wanted

    found = package_changes.Change(package="libssl3t64", old="1", new="2", origin="here", security=True)
    monkeypatch.setattr(image_build, "bring_base", bring_base)
    monkeypatch.setattr(image_build, "ensure", ensure)
    monkeypatch.setattr(update_images, "waiting", lambda *_: {"postgres": (found,)})
    monkeypatch.setenv("SSH_AUTH_SOCK", cluster.bed.agent)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)  # as every `inv` of a test has it


def test_new_images_are_rolled_out_while_clients_write(cluster: KeptOnHosts, newer: None) -> None:
    """Replicas first, the leader's host when another one leads; each PgBouncer's clients come in again once."""
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy", pause=2)
    leader, ledger, monitor = leader_of(cluster), pooled(cluster), watching(cluster)
    with ledger.running(), monitor.running():
        ledger.wait_for(100)
        with timed("images.update"):
            update_images.update(cluster.stack, Console(), force=False)
        ledger.wait_for(100, FAILOVER_SECONDS)
    judge(cluster, ledger, monitor)
    kept = {(row["worker"], row["number"]) for row in read(cluster, f"SELECT worker, number FROM {TABLE}")}
    assert not ledger.unknown & kept, "what failed was not done"
    print(f"images.update: longest gap {ledger.longest_gap:.2f} s, errors {ledger.errors}")
    assert len(ledger.errors) <= ledger.workers * len(POOLERS)
    assert leader_of(cluster) != leader
    made = cluster.stack.topology.build.references
    for name in NODES:
        run = set(cluster.bed[name].engine("ps", "--format", "{{.Image}}").split())
        assert run
        assert run <= set(made), (run, made)
    assert update_images.behind(cluster.stack) == []
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy", pause=2)


def test_what_members_say_is_read_on_their_hosts(cluster: KeptOnHosts) -> None:
    """Patroni and the server, since a moment too; what a switchover would do is said, and nothing is done."""
    leader = leader_of(cluster)
    other = next(name for name in NODES if name != leader)
    said = cluster.inv.ok("logs", "--service", leader, "--lines", "400").out
    assert "patroni INFO" in said
    assert "ready to accept connections" in cluster.inv.ok("logs", "--service", leader, "--since", "12h").out
    lines = cluster.inv.ok("logs", "--service", other, "--json", "--lines", "20").out.splitlines()
    assert 0 < len(lines) <= 20
    assert {json.loads(line)["service"] for line in lines} == {other}
    assert cluster.inv("logs", "--service", other, "--follow").code == 1
    planned = cluster.inv.ok("switchover", "--dry-run", "--to", other).out
    assert f"{other} would be the primary instead of {leader}" in planned
    assert leader_of(cluster) == leader


def test_a_control_machine_that_is_down_leaves_the_hosts_at_work(cluster: KeptOnHosts) -> None:
    ledger = pooled(cluster, *NODES)
    with ledger.running():
        ledger.wait_for(50)
        stopped = cluster.inv.ok("down", timeout=300)
        assert "go on and take writes" in stopped.out + stopped.err
        ledger.wait_for(50)
        cluster.inv.ok("up", timeout=600)
        ledger.wait_for(50)
    ledger.check(lambda sql: read(cluster, sql))
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy", pause=2)


def test_with_a_host_down_nothing_is_done_by_halves(cluster: KeptOnHosts) -> None:
    """Said in one line what does not answer; what goes to all hosts is not begun; a switchover goes on."""
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy", pause=2)
    leader = leader_of(cluster)
    down = next(name for name in NODES if name != leader)
    file = cluster.home.user_config / "postgresql.conf"
    file.touch()
    before = file.read_text()
    cluster.bed[down].kill()
    ledger = pooled(cluster)
    try:
        seen = cluster.inv("status")
        assert seen.code != 0
        assert f"{down} (replica) does not answer, nor does anything else on its host" in seen.out
        assert f"inv hosts.remove {down} --gone" in seen.out
        assert "no container" not in seen.out
        file.write_text("log_min_duration_statement = 4000\n")
        for words in (("config.apply",), ("restart",), ("images.update", "--force")):
            refused = cluster.inv(*words)
            assert refused.code == 3, refused
            assert f"not every host answers: {down} (" in refused.err, refused
            assert "--gone" in refused.err
        shown = "SELECT current_setting('log_min_duration_statement')"
        assert "4s" not in cluster.inv.ok("psql", "--node", leader, "--command", shown).out
        with ledger.running():
            ledger.wait_for(50)
            cluster.inv.ok("switchover", timeout=300)
            ledger.wait_for(50, FAILOVER_SECONDS)
            assert leader_of(cluster) not in (leader, down)
        again = cluster.inv("up", timeout=600)
        assert again.code != 0
        assert f"host {down}" in again.err.split("✗")[-1], "the error is about the host that is down, and no other"
    finally:
        cluster.bed[down].start()
        file.write_text(before)
    ledger.check(lambda sql: read(cluster, sql))
    assert [error for error in ledger.errors if cluster.bed.address(down) not in error] == []
    cluster.inv.ok("up", timeout=600)
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy", pause=2)


def test_what_is_refused_says_what_to_do_instead(cluster: KeptOnHosts) -> None:
    refused = cluster.inv("replica.add")
    assert refused.code == 3
    assert "config/hosts.toml" in refused.err
    assert "--as-node" in cluster.inv("backup.restore", "--in-place", "--yes").err
    assert "leads and runs" in cluster.inv("failover").err
