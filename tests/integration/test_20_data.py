"""Real data: written through the write pool, read through the read pools, the same on every node."""

import asyncio
import json
import ssl
import threading
from collections import Counter
from urllib.parse import quote

import psycopg
import pytest

from cluster.errors import MachineError
from cluster.postgres.connection import connect
from compose.home import passwords
from tests.fix_stack import Cluster

POOLER = ("host=pgbouncer", "port=6432", "user=app")


@pytest.fixture(scope="module", autouse=True)
def pgbench(shared: Cluster) -> None:
    """pgbench at scale 10: a million accounts, through the write pool."""
    shared.client("pgbench", "--initialize", "--scale=10", "--quiet", " ".join([*POOLER, "dbname=appdb_write"]))


def test_pgbench_runs_through_the_write_pool_and_all_nodes_agree(cluster: Cluster) -> None:
    out = cluster.client(
        "pgbench", "--client=8", "--time=5", "--protocol=prepared", " ".join([*POOLER, "dbname=appdb_write"])
    )
    assert "number of failed transactions: 0 " in out
    hashes = cluster.same_everywhere()
    assert hashes["public.pgbench_accounts"][0] == 1_000_000
    assert hashes["public.pgbench_history"][0] > 0


def test_pgbench_reads_through_the_shared_read_pool(cluster: Cluster) -> None:
    out = cluster.client(
        "pgbench",
        "--select-only",
        "--client=8",
        "--time=3",
        "--protocol=prepared",
        " ".join([*POOLER, "dbname=appdb_read"]),
    )
    assert "number of failed transactions: 0 " in out


@pytest.mark.parametrize("service", ["replica1", "replica2"])
def test_a_replica_refuses_writes(cluster: Cluster, service: str) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        cluster.query("CREATE TABLE never (n int)", service, passwords.APP)


@pytest.mark.parametrize("pool", ["appdb_read", "appdb_read1", "appdb_read2"])
def test_a_read_pool_refuses_writes(cluster: Cluster, pool: str) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        cluster.query("CREATE TABLE never (n int)", "pgbouncer", passwords.APP, pool)


def test_each_pool_leads_where_its_name_says(cluster: Cluster) -> None:
    where = "SELECT current_setting('cluster_name') AS node"
    found = {
        p: cluster.query(where, "pgbouncer", passwords.APP, p)[0]["node"]
        for p in ("appdb", "appdb_write", "appdb_read1", "appdb_read2")
    }
    assert found == {"appdb": "primary", "appdb_write": "primary", "appdb_read1": "replica1", "appdb_read2": "replica2"}


def test_the_shared_read_pool_spreads_over_all_replicas(cluster: Cluster) -> None:
    seen: Counter[str] = Counter()
    barrier = threading.Barrier(8)

    def read() -> None:
        with connect(cluster.access(database="appdb_read")) as connection, connection.transaction():
            row = connection.execute("SELECT current_setting('cluster_name') AS node").fetchone()
            assert row is not None
            barrier.wait(20)  # eight transactions at once need eight server connections
            seen[row["node"]] += 1

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(seen) == {"replica1", "replica2"}
    assert min(seen.values()) >= 2


def test_psycopg_prepares_statements_through_the_pool(cluster: Cluster) -> None:
    access = cluster.access()
    with psycopg.connect(
        host=access.host, port=access.port, user=access.user, password=access.password, dbname="appdb_write",
        sslmode="verify-full", sslrootcert=str(access.ca), prepare_threshold=1,
    ) as connection:  # fmt: skip
        for number in range(50):
            row = connection.execute(
                "SELECT abalance + %s FROM pgbench_accounts WHERE aid = %s", (number, 7)
            ).fetchone()
            assert row is not None
            connection.commit()
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() is not None


def test_asyncpg_prepares_statements_through_the_pool(cluster: Cluster) -> None:
    import asyncpg

    access = cluster.access()
    trust = ssl.create_default_context(cafile=str(access.ca))

    async def talk() -> int:
        connection = await asyncpg.connect(
            host=access.host,
            port=access.port,
            user=access.user,
            password=access.password,
            database="appdb_write",
            ssl=trust,
        )
        try:
            statement = await connection.prepare("SELECT $1::int + 1")
            answers = [await statement.fetchval(n) for n in range(50)]
            async with connection.transaction():
                answers.append(await connection.fetchval("SELECT count(*) FROM pgbench_branches"))
            return int(sum(answers))
        finally:
            await connection.close()

    assert asyncio.run(talk()) == sum(range(1, 51)) + 10


def test_sqlalchemy_works_through_the_pool(cluster: Cluster) -> None:
    from sqlalchemy import create_engine, text

    access = cluster.access()
    url = f"postgresql+psycopg://{access.user}:{quote(access.password)}@{access.host}:{access.port}/appdb_write"
    engine = create_engine(url, connect_args={"sslmode": "verify-full", "sslrootcert": str(access.ca)}, pool_size=5)
    try:
        for _ in range(20):
            with engine.begin() as connection:
                assert (
                    connection.execute(text("SELECT count(*) FROM pgbench_tellers WHERE bid > :b"), {"b": 0}).scalar()
                    == 100
                )
    finally:
        engine.dispose()


def test_an_unknown_role_and_a_wrong_password_are_refused(cluster: Cluster) -> None:
    from dataclasses import replace

    for access in (replace(cluster.access(), user="nobody"), replace(cluster.access(), password="x" * 20)):
        with pytest.raises(MachineError), connect(access):
            pass


def test_down_keeps_the_data_and_up_brings_it_back(cluster: Cluster) -> None:
    before = cluster.same_everywhere()
    cluster.inv.ok("down")
    assert cluster.stack.containers() == {}
    kept = [json.loads(line) for line in cluster.inv.ok("logs", "--since", "1h", "--json").out.splitlines()]
    assert {"primary", "replica1", "pgbouncer", "gate"} <= {line["service"] for line in kept}
    last = [line["message"] for line in kept if line["service"] == "primary"]
    assert "database system is shut down" in last[-3:], "also what it said when it was stopped"
    assert "ready to accept" in cluster.inv.ok("logs", "primary", "--lines", "500").out
    cluster.inv.ok("up")
    assert cluster.same_everywhere() == before
