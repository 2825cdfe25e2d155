"""The extensions that people ask for most, all at once, on a running cluster with clients: `nox -s extensions`.

The image with PostGIS takes its minute; what CI has is in test_76_extensions.py.
"""

import json
from collections.abc import Callable, Iterator

import pytest

from cluster.postgres.connection import Access, connect
from compose.home import passwords
from tests.fix_inv import Inv
from tests.fix_ledger import Ledger
from tests.fix_stack import BARE, Cluster, new_project, purge, write_env
from tests.fix_wait import eventually

pytestmark = pytest.mark.extensions
MakeLedger = Callable[[Access], Ledger]
DECLARED = """
[databases.appdb]
extensions = ["pgvector", "postgis", "cron", "partman", "pgaudit", "hypopg", "repack", "hll", "timescaledb"]
"""
USED = {
    "vector": "SELECT '[1,2]'::vector <-> '[1,3]' = 1",
    "postgis": "SELECT ST_Distance('POINT(0 0)'::geometry, 'POINT(3 4)'::geometry) = 5",
    "pg_cron": "SELECT count(*) >= 0 FROM cron.job",
    "pg_partman": "SELECT count(*) >= 0 FROM partman.part_config",
    "hypopg": "SELECT count(*) = 0 FROM hypopg()",
    "hll": "SELECT hll_cardinality(hll_add(hll_empty(), hll_hash_integer(1)))::int = 1",
    "timescaledb": "SELECT count(*) > 0 FROM timescaledb_information.hypertables",
}
"""What the owner of the database does with each, through the pools."""
BY_SUPERUSER = {
    "pgaudit": "SELECT current_setting('pgaudit.log') = 'none'",
    "pg_repack": "SELECT repack.version() ~ 'pg_repack'",
}
APACHE = "SELECT add_retention_policy('readings', INTERVAL '1 day')"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Cluster]:
    """A cluster with backups, a replica and no extension yet."""
    home = tmp_path_factory.mktemp("every")
    write_env(home, new_project("every"), PODS_REPLICAS="1", **{**BARE, "PODS_BACKUP": "on"})
    cluster = Cluster(Inv(home))
    cluster.inv.ok("up", timeout=600)
    yield cluster
    purge(cluster.inv)


def _truth(cluster: Cluster, sql: str, pool: str = "appdb_write") -> bool:
    rows = cluster.query(sql, "pgbouncer", passwords.APP, pool)
    return bool(next(iter(rows[0].values())))


def test_all_of_them_come_under_clients(full: Cluster, make_ledger: MakeLedger) -> None:
    ledger = make_ledger(full.access())
    full.home.user_config.mkdir(exist_ok=True)
    (full.home.user_config / "databases.toml").write_text(DECLARED)
    with ledger.running():
        ledger.wait_for(5)
        full.inv.ok("up", timeout=1200)
        ledger.wait_for(20)
    ledger.check(full.query)
    assert ledger.errors == []
    full.query(
        "CREATE TABLE readings (at timestamptz NOT NULL, n int); SELECT create_hypertable('readings', 'at')",
        "pgbouncer",
        passwords.APP,
        "appdb_write",
    )


@pytest.mark.parametrize("name", USED)
def test_each_is_of_use_on_the_primary_and_on_a_replica(full: Cluster, name: str) -> None:
    assert _truth(full, USED[name])
    eventually(lambda: _truth(full, USED[name], "appdb_read"))


@pytest.mark.parametrize("name", BY_SUPERUSER)
def test_each_of_the_superuser_s_is_there(full: Cluster, name: str) -> None:
    assert next(iter(full.query(BY_SUPERUSER[name])[0].values()))


def test_timescaledb_is_the_apache_edition_and_calls_nobody(full: Cluster) -> None:
    with connect(full.access()) as connection, pytest.raises(Exception, match="apache"):
        connection.execute(APACHE)
    assert full.query("SHOW timescaledb.telemetry_level")[0]["timescaledb.telemetry_level"] == "off"


def test_a_table_is_repacked(full: Cluster) -> None:
    full.query("CREATE TABLE public.wide (id int PRIMARY KEY); INSERT INTO public.wide SELECT generate_series(1, 1000)")
    password = f"PGPASSWORD={full.stack.passwords[passwords.SUPERUSER]}"
    run = ("-e", password, full.container("primary"), "pg_repack", "-h", "/var/run/postgresql", "-U", "postgres")
    full.docker("exec", *run, "-d", "appdb", "-t", "public.wide")


def test_a_switchover_takes_jobs_along(full: Cluster) -> None:
    full.query("CREATE TABLE ticks (n int)", "pgbouncer", passwords.APP, "appdb_write")
    job = "SELECT cron.schedule('each', '1 second', 'INSERT INTO ticks VALUES (1)')"
    full.query(job, "pgbouncer", passwords.APP, "appdb_write")
    full.inv.ok("switchover")
    primary = full.stack.topology.primary
    before = full.query("SELECT count(*) AS n FROM ticks", primary)[0]["n"]
    eventually(lambda: full.query("SELECT count(*) AS n FROM ticks", primary)[0]["n"] > before, 60)


def test_a_drill_finds_every_library_and_a_copy_runs_no_job(full: Cluster) -> None:
    full.inv.ok("backup.now", timeout=600)
    drill = json.loads(full.inv.ok("backup.drill", "--json", timeout=600).out)
    assert drill["ok"], drill
    made = full.inv.ok("backup.restore", "--as-node", "apart", "--writable", timeout=600)
    assert made.code == 0
    count = "SELECT count(*) AS n FROM ticks"
    before = full.query(count, "apart")[0]["n"]
    now = full.query(count, full.stack.topology.primary)[0]["n"]
    eventually(lambda: full.query(count, full.stack.topology.primary)[0]["n"] >= now + 5, 60)
    assert full.query(count, "apart")[0]["n"] == before
    assert full.query(USED["vector"], "apart")
    assert full.query("SELECT count(*) FROM public.readings", "apart")
    workers = "SELECT backend_type FROM pg_stat_activity WHERE backend_type ~* 'cron|timescale'"
    assert full.query(workers, "apart") == []
    full.inv.ok("backup.discard", "--name", "apart", "--yes")


def test_the_archive_is_asked_for_what_it_has_next(full: Cluster) -> None:
    rows = {row["name"]: row for row in json.loads(full.inv.ok("extension.list", "--archive", "--json").out)}
    assert rows["vector"]["used"][0]["database"] == "appdb"
    assert rows["rum"]["archive"]
    assert rows["rum"]["version"] == ""
    assert {row["next_major"] for row in rows.values()} <= {"yes", "no", "unknown"}


def test_none_goes_while_it_is_used(full: Cluster) -> None:
    (full.home.user_config / "databases.toml").write_text(DECLARED.replace('"postgis", ', ""))
    refused = full.inv("up")
    assert refused.code == 3, refused
    assert "the database appdb uses the extension postgis" in refused.err
    (full.home.user_config / "databases.toml").write_text(DECLARED)
