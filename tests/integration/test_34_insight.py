"""Insight on real servers: every culprit that was put there is seen, and no reading waits for anybody's lock."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from cluster.insight.blocking import blocking
from cluster.insight.findings import InsightFinding
from cluster.insight.judgement import judge
from cluster.insight.readings import InsightReading
from cluster.observed import statement_counters
from cluster.observed.insight_reader import read_insight
from cluster.postgres.connection import login
from cluster.postgres.failures import ConnectError
from compose.home import passwords
from tests.fix_stack import Cluster
from tests.fix_wait import eventually

ODD = '"odd; "" name\x1b[2J\n"'
SCHEMA = f"""
CREATE SCHEMA hurts;
SET search_path = hurts;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE orders (id serial PRIMARY KEY, a int, b int, parent int REFERENCES parent, note text);
INSERT INTO orders (a, b, note) SELECT n, n, 'note ' || n FROM generate_series(1, 60000) AS n;
CREATE INDEX orders_a ON orders (a);
CREATE INDEX {ODD} ON orders (a);
CREATE INDEX orders_note ON orders (note);
CREATE INDEX orders_by_replicas ON orders (b);
CREATE INDEX orders_parent ON orders (parent);
CREATE TABLE twice (a int);
INSERT INTO twice VALUES (1), (1);
CREATE TABLE fed (id int, x int);
CREATE SEQUENCE feeding OWNED BY fed.id;
SELECT setval('feeding', 2100000000);
CREATE SEQUENCE going_round AS smallint CYCLE;
SELECT setval('going_round', 32700);
CREATE SEQUENCE wide;
SELECT setval('wide', 2100000000);
CREATE TABLE left_alone (a int) WITH (autovacuum_enabled = off);
INSERT INTO left_alone SELECT generate_series(1, 30000);
DELETE FROM left_alone WHERE a > 10000;
"""


@pytest.fixture(scope="module")
def seeded(shared: Cluster) -> Iterator[Cluster]:
    """Culprits in a schema of their own, as the application would have made them."""
    shared.query(SCHEMA, secret=passwords.APP)
    with pytest.raises(psycopg.errors.UniqueViolation):
        shared.query("CREATE UNIQUE INDEX CONCURRENTLY twice_a ON hurts.twice (a)", secret=passwords.APP)
    shared.query("CHECKPOINT", database="postgres")
    shared.wait_replayed()
    replica = shared.stack.topology.replicas[0].name
    scan = "SET enable_seqscan = off; SELECT count(*) FROM hurts.orders WHERE b = 7"
    shared.query(scan, replica, passwords.APP)
    yield shared
    shared.query("DROP SCHEMA hurts CASCADE", secret=passwords.APP)


def read(cluster: Cluster) -> InsightReading:
    accesses = {name: cluster.stack.monitor(name) for name in cluster.stack.topology.names}
    return read_insight(accesses, ["appdb"])


def found(cluster: Cluster, unused_seconds: float = 0.0) -> dict[tuple[str, str], InsightFinding]:
    reading = read(cluster)
    assert reading.unread == {}
    return {(each.kind, each.subject): each for each in judge(reading, unused_seconds)}


def test_no_text_is_asked_for_where_the_server_has_too_many(shared: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads all of them into memory for each question."""
    access = shared.stack.monitor(shared.stack.topology.primary)
    shared.query("SELECT 'counted', count(*) FROM pg_class", secret=passwords.APP)
    counted = statement_counters.read_counters("primary", access).counted
    ids = {each.key.queryid for each in counted if each.key.role == "app"}
    assert any("count(*) FROM pg_class" in text for text in statement_counters.read_some_texts(access, ids).values())
    monkeypatch.setattr(statement_counters, "MOST_TEXTS", 0)
    with pytest.raises(ConnectError, match="the texts of its statements are"):
        statement_counters.read_some_texts(access, ids)


@contextmanager
def session(cluster: Cluster, node: str = "primary") -> Iterator["psycopg.Connection[Any]"]:
    access = replace(cluster.access(node, passwords.APP, "appdb"), application="the culprit")
    connection = psycopg.connect(**login(access), dbname="appdb", autocommit=True)
    try:
        yield connection
    finally:
        connection.close()  # it may be in a transaction, or have been ended


def test_culprits_of_every_sort_are_seen_and_what_is_innocent_is_not(seeded: Cluster) -> None:
    eventually(lambda: ("unused_index", "hurts.orders_note") in found(seeded))  # counters come within a second
    named = found(seeded)
    ours = {key for key in named if key[1].startswith("hurts.")}
    assert ours == {
        ("unused_index", "hurts.orders_note"),
        ("duplicate_index", f"hurts.{ODD}"),
        ("invalid_index", "hurts.twice_a"),
        ("sequence", "hurts.fed.id"),
        ("dead_rows", "hurts.left_alone"),
    }
    assert "98% used" in named["sequence", "hurts.fed.id"].evidence
    assert not [kind for kind, _ in found(seeded, 7 * 86400.0) if kind == "unused_index"], "they count for minutes"


def test_what_is_suggested_does_what_it_says_and_can_be_undone(seeded: Cluster) -> None:
    twin = found(seeded)["duplicate_index", f"hurts.{ODD}"]
    assert twin.remedy.isprintable()
    seeded.query(twin.remedy, secret=passwords.APP)
    assert ("duplicate_index", twin.subject) not in found(seeded)
    seeded.query(twin.undo, secret=passwords.APP)
    assert ("duplicate_index", twin.subject) in found(seeded)


def test_a_lock_that_is_waited_for_and_a_table_that_somebody_has_to_himself(seeded: Cluster) -> None:
    with ExitStack() as stack:
        culprit, victim = (stack.enter_context(session(seeded)) for _ in range(2))
        culprit.execute("BEGIN")
        culprit.execute("LOCK hurts.orders IN ACCESS EXCLUSIVE MODE")
        culprit.execute("ALTER SEQUENCE hurts.feeding MAXVALUE 2147483647")
        victim.execute("SET statement_timeout = '60s'")
        victim.pgconn.send_query(b"SELECT 'secret' FROM hurts.orders")
        eventually(lambda: len(blocking(read(seeded))) == 2)
        began = time.monotonic()
        reading = read(seeded)
        assert reading.unread == {}
        assert time.monotonic() - began < 20
        root, waits = blocking(reading)
        assert (root.pid, root.depth, root.application) == (culprit.info.backend_pid, 0, "the culprit")
        assert (waits.pid, waits.depth, waits.lock) == (victim.info.backend_pid, 1, "AccessShareLock relation")
        assert "secret" not in waits.query
        assert [wait.event for wait in reading.waits if wait.database == "appdb"] == ["Lock:relation"]
        eventually(lambda: [each for kind, each in _kinds(read(seeded)) if kind == "blocking"])
        (finding,) = (each for kind, each in _kinds(read(seeded)) if kind == "blocking")
        seeded.query(finding.remedy, database="postgres")
        eventually(lambda: not blocking(read(seeded)))


def _kinds(reading: InsightReading) -> list[tuple[str, InsightFinding]]:
    return [(each.kind, each) for each in judge(reading)]


def test_who_holds_old_rows_is_seen_by_name(seeded: Cluster) -> None:
    with session(seeded) as culprit:
        pid = culprit.info.backend_pid
        culprit.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        culprit.execute("SELECT count(*) FROM hurts.parent")
        seeded.query("UPDATE hurts.orders SET b = b + 1", secret=passwords.APP)
        (held,) = (each for each in read(seeded).nodes["primary"].holders if each.name == "the culprit")
    assert (held.held_by, held.pid, held.database) == ("session", pid, "appdb")
    assert (held.state, held.role) == ("idle in transaction", "app")
    assert held.age > 0


def test_the_monitoring_role_sees_where_sequences_are_and_no_row_of_anybody(seeded: Cluster) -> None:
    path = seeded.query("SELECT pg_relation_filepath('hurts.orders') AS path")[0]["path"]
    monitor = {"secret": passwords.MONITOR, "database": "postgres"}
    for given in (path, "base/1/1259", "PG_VERSION", "../../etc/passwd", "global/1260", f"{path}\nbase/1/1259"):
        text = given.replace("'", "''")
        assert seeded.query(f"SELECT * FROM pods.sequence_values(ARRAY['{text}'])", "primary", **monitor) == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seeded.query("SELECT pg_read_binary_file('PG_VERSION')", "primary", **monitor)
