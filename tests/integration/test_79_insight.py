"""Workloads with one known culprit each: insight names it first, and says of the innocent what it said before."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest

from cluster.insight.assembly import make_report
from cluster.insight.document import InsightDocument, make_document
from cluster.insight.findings import InsightFinding
from cluster.insight.judgement import judge
from cluster.insight.readings import InsightReading
from cluster.insight.statement_history import StatementSpan
from cluster.insight.statements import StatementKey, StatementWork, grown
from cluster.observed.insight_reader import read_insight, read_nodes
from cluster.observed.statement_counters import read_counters, read_some_texts
from cluster.postgres.connection import connect
from compose.home import passwords
from tests.fix_stack import Cluster
from tests.fix_wait import eventually

DAYS = 8 * 86400.0
"""By which a reading is made older: what is unused for that long is unused."""
MINUTES = 120.0


@dataclass(frozen=True)
class Workload:
    """Statements of one program; the one that begins with ``culprit`` is the greatest by ``measure``."""

    measure: str
    culprit: str
    setup: str = ""
    node: str = ""


_INNOCENT = "SELECT id FROM seeded.small WHERE id = 7"
WORKLOADS = {
    "time": Workload("time", "SELECT pg_sleep(1.5)"),
    "io": Workload("io", "SELECT count(*) FROM seeded.big"),
    "wal": Workload("wal", "UPDATE seeded.small SET v = v + 1"),
    "temp": Workload(
        "temp", "SELECT count(DISTINCT md5(g::text)) FROM generate_series(1, 200000) AS g", "SET work_mem = '64kB'"
    ),
    "rows": Workload("rows", "SELECT g AS many FROM generate_series(1, 30000) AS g"),
    "replica": Workload("time", "SELECT pg_sleep(1.4)", node="appdb_read"),
}


@dataclass
class Seeded:
    """The cluster with a schema for culprits, and what insight sees of it."""

    cluster: Cluster

    def run(self, sql: str, node: str = "primary") -> list[dict[str, Any]]:
        """As the application, on a node or through a pool."""
        with self.session(node) as connection:
            return self._all(connection, sql)

    @contextmanager
    def session(self, node: str = "primary") -> "Iterator[psycopg.Connection[Any]]":
        """A session of the application's."""
        pooled = node.startswith("appdb")
        access = self.cluster.access("pgbouncer" if pooled else node, passwords.APP, node if pooled else "appdb")
        with connect(replace(access, connect_timeout=30)) as connection:
            yield connection

    @staticmethod
    def _all(connection: "psycopg.Connection[Any]", sql: str) -> list[dict[str, Any]]:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []

    def statements(self, work: Callable[[], object]) -> InsightDocument:
        """What nodes counted while ``work`` ran."""
        accesses = {name: self.cluster.stack.monitor(name) for name in self.cluster.stack.topology.names}
        before = {name: read_counters(name, access).counted for name, access in accesses.items()}
        work()
        works: dict[StatementKey, StatementWork] = {}
        for name, access in accesses.items():
            works |= grown(read_counters(name, access).counted, before[name])
        ids = {key.queryid for key in works}
        texts = {key: text for access in accesses.values() for key, text in read_some_texts(access, ids).items()}
        span = StatementSpan(since=0.0, until=1.0, compared_since=None, works=works, before=None, texts=texts)
        return make_document(make_report(span, read_nodes(accesses), database="appdb"))

    def reading(self) -> InsightReading:
        """What nodes and the database show now."""
        names = self.cluster.stack.topology.names
        return read_insight({name: self.cluster.stack.monitor(name) for name in names}, ["appdb"])

    def found(self, *, older: bool = False) -> set[tuple[str, str]]:
        """Findings on the schema and its sessions: kind and subject."""
        reading = aged(self.reading()) if older else self.reading()
        return {(each.kind, each.subject) for each in judge(reading)}


def aged(reading: InsightReading) -> InsightReading:
    """The same, were it read days later with nothing changed."""
    nodes = {
        name: replace(node, holders=tuple(replace(each, seconds=each.seconds + MINUTES) for each in node.holders))
        for name, node in reading.nodes.items()
    }
    return replace(reading, taken=reading.taken + DAYS, nodes=nodes)


@pytest.fixture(scope="module")
def schema(shared: Cluster) -> Iterator[Seeded]:
    seeded = Seeded(shared)
    seeded.run(
        "CREATE SCHEMA seeded;"
        "CREATE TABLE seeded.small (id int PRIMARY KEY, v int); "
        "INSERT INTO seeded.small SELECT g, g FROM generate_series(1, 20000) AS g;"
        "CREATE TABLE seeded.big AS SELECT g AS id, repeat('x', 1000) AS body FROM generate_series(1, 40000) AS g"
    )
    shared.wait_replayed()
    yield seeded
    seeded.run("DROP SCHEMA seeded CASCADE")


@pytest.fixture
def seeded(schema: Seeded, cluster: Cluster) -> Seeded:
    return schema


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_statement_that_costs_most_is_first(seeded: Seeded, name: str) -> None:
    workload = WORKLOADS[name]

    def work() -> None:
        with seeded.session(workload.node or "primary") as connection:
            for sql in (workload.setup, *[_INNOCENT] * 50, workload.culprit, *[_INNOCENT] * 50):
                if sql:
                    connection.execute(sql.encode()).fetchall() if sql.startswith("SELECT") else connection.execute(
                        sql.encode()
                    )

    document = seeded.statements(work)
    (table,) = [each for each in document.statements if each.measure == workload.measure]
    first = table.rows[0]
    rows = [(row.text, row.value) for row in table.rows]
    assert first.text.startswith(workload.culprit.split("(")[0].rstrip("1")), rows
    assert first.share > 0.5
    replicas = {node.name for node in seeded.cluster.stack.topology.replicas}
    assert set(first.nodes) <= replicas if workload.node else set(first.nodes) == {"primary"}


def test_what_is_wrong_with_tables_and_indexes_is_named_and_nothing_else(seeded: Seeded) -> None:
    seeded.run("VACUUM seeded.small")  # what other tests did to it is no culprit of this one
    before = seeded.found(older=True)
    seeded.run(
        "CREATE TABLE seeded.neglected (id int PRIMARY KEY, v int) WITH (autovacuum_enabled = off);"
        "INSERT INTO seeded.neglected SELECT g, g FROM generate_series(1, 20000) AS g;"
        "UPDATE seeded.neglected SET v = v + 1;"
        "CREATE TABLE seeded.ending (id serial PRIMARY KEY);"
        "SELECT setval('seeded.ending_id_seq', 1825361101);"
        "CREATE TABLE seeded.early (id serial PRIMARY KEY);"
        "INSERT INTO seeded.early DEFAULT VALUES;"
        "CREATE TABLE seeded.indexed AS "
        "SELECT g AS a, g AS b, g AS c, g AS d, g % 2 AS e FROM generate_series(1, 70000) AS g;"
        "CREATE INDEX unused ON seeded.indexed (a);"
        "CREATE INDEX read_on_a_replica ON seeded.indexed (b);"
        "CREATE INDEX read_on_the_primary ON seeded.indexed (c);"
        "CREATE INDEX once ON seeded.indexed (d);"
        "CREATE INDEX twice ON seeded.indexed (d);"
        "ANALYZE seeded.indexed"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        seeded.run("CREATE UNIQUE INDEX CONCURRENTLY broken ON seeded.indexed (e)")
    seeded.cluster.query("CHECKPOINT")  # how far sequences are is read as it was written to disk last
    seeded.cluster.wait_replayed()
    seeded.run("SELECT c FROM seeded.indexed WHERE c = 5")
    seeded.run("SELECT d FROM seeded.indexed WHERE d = 5")
    seeded.run("SELECT b FROM seeded.indexed WHERE b = 5", seeded.cluster.stack.topology.replicas[-1].name)
    expected = {
        ("dead_rows", "seeded.neglected"),
        ("sequence", "seeded.ending.id"),
        ("unused_index", "seeded.unused"),
        ("invalid_index", "seeded.broken"),
    }
    found: set[tuple[str, str]] = set()

    def named() -> bool:
        found.clear()
        found.update(seeded.found(older=True) - before)
        return expected <= found and not any("read_on" in subject for _, subject in found)

    eventually(named, 30, "every culprit is named, and no index that somebody reads", pause=1.0)
    assert [kind for kind, _ in found - expected] == ["duplicate_index"]


def test_who_holds_others_up_is_named_first(seeded: Seeded) -> None:
    with seeded.session() as holder:
        pid = holder.info.backend_pid
        holder.execute(b"BEGIN; UPDATE seeded.small SET v = 0 WHERE id = 1")
        waiting = threading.Thread(target=lambda: seeded.run("UPDATE seeded.small SET v = 2 WHERE id = 1"))
        waiting.start()
        worst: list[InsightFinding] = []

        def first() -> bool:
            worst[:] = [each for each in judge(seeded.reading()) if each.kind == "blocking"]
            return bool(worst)

        try:
            eventually(first, 30, "it is seen", pause=1.0)
        finally:
            holder.rollback() if holder.info.transaction_status else holder.execute(b"ROLLBACK")
            waiting.join(30)
    (only,) = worst
    assert f"pid {pid} " in only.subject
    assert "idle in transaction" not in only.evidence
    assert f"pid = {pid}" in only.remedy


def test_who_keeps_old_rows_is_named(seeded: Seeded) -> None:
    with seeded.session() as reader:
        pid = reader.info.backend_pid
        reader.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM seeded.small")
        seeded.run("UPDATE seeded.small SET v = v + 1")
        found: set[tuple[str, str]] = set()

        def named() -> bool:
            found.clear()
            found.update(each for each in seeded.found(older=True) if each[0] == "horizon")
            return bool(found)

        eventually(named, 30, "it is seen", pause=1.0)
        reader.execute(b"ROLLBACK")
    assert len(found) == 1
    assert f"pid {pid} " in next(iter(found))[1]


def test_the_task_prints_what_the_page_has(seeded: Seeded) -> None:
    found = json.loads(seeded.cluster.inv.ok("insight", "--json", "--database", "appdb").out)
    assert set(found) >= {
        "since",
        "until",
        "headline",
        "findings",
        "statements",
        "waits",
        "blocking",
        "notes",
        "unread",
    }
    assert found["unread"] == {}
