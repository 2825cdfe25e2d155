"""Situations from public reports that held when they were tried, so that they go on holding: `nox -s cases`.

One cluster, in a home whose path has every character that somebody once forgot to quote. Situations that other tests
have already: `HELD_ELSEWHERE`.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.postgres.connection import connect
from compose.home import passwords
from tests.fix_inv import Inv
from tests.fix_stack import BARE, Cluster, new_project, purge, write_env
from tests.fix_wait import eventually

pytestmark = pytest.mark.cases
ODD = "odd $HOME 'q' \"d\" {x} #1 Äöü [a-z]* ,src=x \\"
"""A directory's name."""
NAMES = [
    "My-Shop 'ü' {x} $1",
    'a"b',
    "a\\b",
    "-dash",
    "a b=c host=evil",
    "postgresql://x",
    "*",
    "r.*|(",
    "é" * 31,
    ";",
]
"""Databases that need quoting."""
HELD_ELSEWHERE = {
    "a replica of which pg_control is gone is cloned anew": "test_40_faults.py",
    "two clusters side by side": "test_60_change.py",
    "certificates that have ended": "test_60_change.py",
    "a point in time comes back row for row": "backed_up/test_86_backup.py",
    "a dropped table is read beside the cluster": "backed_up/test_87_copies.py",
    "a store's disk is full, and has room again": "backup/test_wal.py",
    "a store that does not know conditions": "backup/test_s3_faults.py",
    "a server that lets nobody log in is told of within seconds": "test_80_exporter.py",
    "a tablespace in backups": "backup/test_restore.py",
    "an idle thousand of clients of the health page": "test_85_health.py",
    "renewed certificates are served without a restart": "test_60_change.py",
}
"""Situations, and the files that have them."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Cluster]:
    """A cluster with backups and one replica, in an odd home."""
    home = tmp_path_factory.mktemp("cases") / ODD
    home.mkdir()
    write_env(home, new_project("cases"), PODS_REPLICAS="1", **{**BARE, "PODS_BACKUP": "on", "PODS_POOL_SIZE": "1"})
    cluster = Cluster(Inv(home))
    cluster.inv.ok("up", timeout=600)
    yield cluster
    purge(cluster.inv)


@pytest.fixture
def cluster(kept: Cluster) -> Iterator[Cluster]:
    """The same, checked after the test."""
    yield kept
    eventually(lambda: kept.status()["healthy"], 60, "the cluster is as it was")


def _client(cluster: Cluster, database: str = "appdb_write", **parameters: Any) -> Any:
    import psycopg

    access = cluster.access("pgbouncer", passwords.APP, database)
    return psycopg.connect(
        host=access.host,
        port=access.port,
        user=access.user,
        password=access.password,
        dbname=database,
        sslmode="verify-full",
        sslrootcert=str(access.ca),
        autocommit=True,
        **parameters,
    )


def test_situations_that_other_tests_have_are_there() -> None:
    assert [name for name in HELD_ELSEWHERE.values() if not (Path(__file__).parent / name).is_file()] == []


def test_an_odd_path_serves_every_command(cluster: Cluster, tmp_path: Path) -> None:
    for words in ("status", "config.check", "logs primary --lines 1", "backup.now"):
        cluster.inv.ok(*words.split())
    assert cluster.inv("doctor").code in (0, 2)
    assert cluster.inv.ok("psql", "--command", "SELECT 7 * 6").out.split()[2] == "42"
    uri = cluster.inv.ok("up").out.split("writes")[1].split()[0]
    password = cluster.stack.passwords[passwords.APP]
    import psycopg

    with psycopg.connect(uri, password=password) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    cluster.inv.ok("backup.restore", "--into", str(tmp_path / f"in to {ODD}"), timeout=300)
    cluster.inv.ok("restart", "replica1")
    assert "primary" in cluster.compose("ps", "--services")


def test_names_that_need_quoting_disturb_neither_backup_nor_status(cluster: Cluster) -> None:
    from psycopg import sql

    with connect(cluster.access("primary", passwords.SUPERUSER, "postgres")) as connection:
        for name in NAMES:
            connection.execute(sql.SQL("CREATE DATABASE {} STRATEGY file_copy").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        connection.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = '*'")  # an interrupted DROP
        connection.execute("SELECT pg_create_restore_point('vor \"Umstellung\" é '' $x')")
    cluster.inv.ok("backup.now")
    cluster.inv.ok("up")
    assert cluster.status()["healthy"]


@pytest.mark.parametrize("pid", ["1", "7"])
def test_a_stale_postmaster_pid_is_in_nobody_s_way(cluster: Cluster, pid: str) -> None:
    left = cluster.home.node("primary") / "18" / "docker" / "postmaster.pid"
    lines = left.read_text().splitlines(keepends=True)
    cluster.docker("kill", cluster.container("primary"))
    left.write_text("".join([f"{pid}\n", *lines[1:]]))
    cluster.inv.ok("up")


def test_settings_of_a_session_are_its_own_where_pgbouncer_follows_them(cluster: Cluster) -> None:
    with _client(cluster) as one, _client(cluster) as other:
        one.execute("CREATE SCHEMA IF NOT EXISTS a")
        for path in ('"a", public', "a, " * 500 + "public", '"x,y", "u\'v"', "''"):
            one.execute(f"SET search_path = {path}")
            other.execute("SET search_path = public")
            shown = one.execute("SHOW search_path").fetchone()
            assert shown[0].replace('"', "") == path.replace('"', "").replace("''", "") or path == "''"
            assert other.execute("SHOW search_path").fetchone() == ("public",)
        one.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        other.execute("CREATE TABLE IF NOT EXISTS written (n int)")
        other.execute("DEALLOCATE ALL")
        assert one.execute("SELECT %s::int", [1], prepare=True).fetchone() == (1,)


def test_what_breaks_off_leaves_the_pool_clean(cluster: Cluster) -> None:
    import psycopg

    stdin = "COPY written FROM STDIN"
    with _client(cluster) as client, pytest.raises(psycopg.Error), client.cursor().copy(stdin) as copy:
        copy.write("not a number\n")
    with _client(cluster) as client:
        assert len(client.execute("SELECT repeat('x', 20000000)").fetchone()[0]) == 20_000_000
        assert client.execute("SELECT count(*) FROM generate_series(1, 100000)").fetchone() == (100_000,)


def test_a_password_is_changed_while_clients_are_connected(cluster: Cluster) -> None:
    with _client(cluster) as old:
        old.execute("SELECT 1")
        (cluster.home.secrets / "app_password").write_text("a-b@c/%20-another\n")
        cluster.inv.ok("up")
        assert old.execute("SELECT 1").fetchone() == (1,)
        with _client(cluster) as new:
            assert new.execute("SELECT 1").fetchone() == (1,)


def test_a_client_chooses_by_what_a_server_is(cluster: Cluster) -> None:
    import psycopg

    with _client(cluster, "appdb_read", target_session_attrs="read-only") as client:
        assert client.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
    with pytest.raises(psycopg.OperationalError, match="read-only"):
        _client(cluster, "appdb_read", target_session_attrs="read-write")


def test_an_application_in_a_container_of_its_own_outlives_down(cluster: Cluster) -> None:
    """On the cluster's network, by names that the certificates are good for."""
    project = cluster.stack.topology.project
    image = cluster.docker("inspect", "--format", "{{.Config.Image}}", cluster.container("primary")).strip()
    run = ["docker", "run", "--detach", "--rm", "--network", f"{project}_nodes", "--entrypoint", "sleep", image, "300"]
    foreign = subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
    try:
        cluster.docker("cp", str(cluster.home.ca), f"{foreign}:/tmp/ca.crt")
        cluster.inv.ok("down")
        cluster.inv.ok("up")
        password = cluster.stack.passwords[passwords.APP]
        for host, port, database in (("pgbouncer", 6432, "appdb_write"), ("primary", 5432, "appdb")):
            where = f"host={host} port={port} dbname={database} user=app sslmode=verify-full sslrootcert=/tmp/ca.crt"
            shown = cluster.docker("exec", "-e", f"PGPASSWORD={password}", foreign, "psql", where, "-Atc", "SELECT 1")
            assert shown.strip() == "1"
    finally:
        subprocess.run(["docker", "rm", "-f", foreign], capture_output=True, check=False)


def test_an_empty_secret_is_refused_and_an_empty_certificate_made_anew(cluster: Cluster) -> None:
    secret = cluster.home.secrets / "monitor_password"
    before = secret.read_text()
    secret.write_text("")
    assert cluster.inv("up").code == 3
    secret.write_text(before)
    (cluster.home.tls / "primary" / "server.crt").write_text("")
    cluster.inv.ok("up")
