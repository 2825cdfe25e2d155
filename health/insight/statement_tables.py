"""The tables of the history of statements, in SQLite: what is done with them over one connection."""

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, fields

from cluster.insight.statement_history import BUCKET, HOUR, StatementBucket, Texts, Works, merged
from cluster.insight.statements import StatementKey, StatementWork

FORMAT = 1
LONGEST_TEXT = 4000
APPLICATION = 0x504F4453
_WORK = tuple(each.name for each in fields(StatementWork))
_SCHEMA = """
BEGIN;
PRAGMA application_id = 1347372115;
PRAGMA user_version = 1;
CREATE TABLE IF NOT EXISTS bucket (begun INTEGER PRIMARY KEY, length INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS reading (begun INTEGER, node TEXT, seconds REAL NOT NULL, PRIMARY KEY (begun, node));
CREATE TABLE IF NOT EXISTS statement (
    id INTEGER PRIMARY KEY, node TEXT NOT NULL, database TEXT NOT NULL, role TEXT NOT NULL, queryid INTEGER NOT NULL,
    toplevel INTEGER NOT NULL, UNIQUE (node, database, role, queryid, toplevel));
CREATE TABLE IF NOT EXISTS work (
    begun INTEGER, statement INTEGER, calls INTEGER NOT NULL, plan_seconds REAL NOT NULL, exec_seconds REAL NOT NULL,
    rows INTEGER NOT NULL, blocks_hit INTEGER NOT NULL, blocks_read INTEGER NOT NULL, blocks_dirtied INTEGER NOT NULL,
    blocks_written INTEGER NOT NULL, io_seconds REAL NOT NULL, temp_blocks INTEGER NOT NULL, wal_bytes INTEGER NOT NULL,
    PRIMARY KEY (begun, statement)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS work_statement ON work (statement);
CREATE TABLE IF NOT EXISTS query (
    database TEXT, queryid INTEGER, text TEXT NOT NULL, stored INTEGER NOT NULL, PRIMARY KEY (database, queryid));
COMMIT;
"""
_ADD = """
INSERT INTO work VALUES (:begun, :statement, :calls, :plan_seconds, :exec_seconds, :rows, :blocks_hit, :blocks_read,
    :blocks_dirtied, :blocks_written, :io_seconds, :temp_blocks, :wal_bytes)
"""
_UNKNOWN_TEXTS = """
SELECT DISTINCT database, queryid FROM statement AS s WHERE queryid <> 0 AND NOT EXISTS (
    SELECT 1 FROM query AS q WHERE q.database = s.database AND q.queryid = s.queryid)
"""


class ForeignFileError(Exception):
    """The file is another program's, or a newer PODS', or damaged."""


def prepare(connection: sqlite3.Connection) -> None:
    """Check that the file is ours and whole, and make the tables that it lacks.

    Raises:
        ForeignFileError: it is not.
    """
    application, version = (_pragma(connection, name) for name in ("application_id", "user_version"))
    anything = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if anything and application != APPLICATION:
        raise ForeignFileError("it is not a history of PODS")
    if version > FORMAT:
        raise ForeignFileError(f"made by a newer PODS (format {version})")
    if (damage := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise ForeignFileError(f"it is damaged: {damage}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 4194304")
    connection.executescript(_SCHEMA)


def write(connection: sqlite3.Connection, bucket: StatementBucket) -> None:
    """In place of one that begins at the same time."""
    drop(connection, [bucket.begun])
    connection.execute("INSERT INTO bucket VALUES (?, ?)", (bucket.begun, bucket.length))
    read = [(bucket.begun, node, seconds) for node, seconds in bucket.read.items()]
    connection.executemany("INSERT INTO reading VALUES (?, ?, ?)", read)
    rows = [
        {"begun": bucket.begun, "statement": _statement(connection, key), **asdict(work)}
        for key, work in bucket.works.items()
    ]
    connection.executemany(_ADD, rows)


def _statement(connection: sqlite3.Connection, key: StatementKey) -> int:
    row = (key.node, key.database, key.role, key.queryid, key.toplevel)
    find = "SELECT id FROM statement WHERE node = ? AND database = ? AND role = ? AND queryid = ? AND toplevel = ?"
    found = connection.execute(find, row).fetchone()
    if found is not None:
        return int(found[0])
    make = "INSERT INTO statement (node, database, role, queryid, toplevel) VALUES (?, ?, ?, ?, ?)"
    return int(connection.execute(make, row).lastrowid or 0)


def read_buckets(connection: sqlite3.Connection, since: float, until: float) -> tuple[StatementBucket, ...]:
    """Those of which a part lies between, the earliest first."""
    known = "SELECT begun, length FROM bucket WHERE begun + length > ? AND begun < ? ORDER BY begun"
    return tuple(_bucket(connection, *row) for row in connection.execute(known, (since, until)).fetchall())


def _bucket(connection: sqlite3.Connection, begun: int, length: int) -> StatementBucket:
    rows = connection.execute("SELECT * FROM work JOIN statement ON id = statement WHERE begun = ?", (begun,))
    names = [each[0] for each in rows.description]
    works = {}
    for row in rows:
        found = dict(zip(names, row, strict=True))
        key = StatementKey(
            node=found["node"],
            database=found["database"],
            role=found["role"],
            queryid=found["queryid"],
            toplevel=bool(found["toplevel"]),
        )
        works[key] = StatementWork(**{name: found[name] for name in _WORK})
    read = dict(connection.execute("SELECT node, seconds FROM reading WHERE begun = ?", (begun,)).fetchall())
    return StatementBucket(begun=begun, length=length, works=works, read=read)


def begun_of_nodes(connection: sqlite3.Connection) -> dict[str, float]:
    """When the first bucket of each node began."""
    rows = connection.execute("SELECT node, min(begun) FROM reading GROUP BY node")
    return {node: float(first) for node, first in rows}


def merge_hours(connection: sqlite3.Connection, until: float) -> None:
    """Make one bucket of all of an hour, of every hour that ended before ``until``."""
    find = "SELECT DISTINCT begun / ? * ? FROM bucket WHERE length = ? AND begun < ?"
    for (hour,) in connection.execute(find, (HOUR, HOUR, BUCKET, until)).fetchall():
        if hour + HOUR <= until:
            found = read_buckets(connection, hour, hour + HOUR)
            drop(connection, [each.begun for each in found])
            write(connection, merged(found, hour, HOUR))


def drop(connection: sqlite3.Connection, begun: Iterable[int]) -> None:
    """Drop buckets."""
    rows = [(each,) for each in begun]
    connection.executemany("DELETE FROM work WHERE begun = ?", rows)
    connection.executemany("DELETE FROM reading WHERE begun = ?", rows)
    connection.executemany("DELETE FROM bucket WHERE begun = ?", rows)


def drop_outside(connection: sqlite3.Connection, since: float, until: float) -> None:
    """Drop buckets that ended before ``since`` or began after ``until``."""
    rows = connection.execute("SELECT begun FROM bucket WHERE begun + length < ? OR begun > ?", (since, until))
    drop(connection, [row[0] for row in rows.fetchall()])


def drop_oldest(connection: sqlite3.Connection) -> bool:
    """Drop some of the oldest buckets; false where there are none."""
    rows = connection.execute("SELECT begun FROM bucket ORDER BY begun LIMIT 12").fetchall()
    drop(connection, [row[0] for row in rows])
    return bool(rows)


def sweep(connection: sqlite3.Connection) -> None:
    """Drop statements that are in no bucket, and texts of no statement."""
    connection.execute("DELETE FROM statement WHERE NOT EXISTS (SELECT 1 FROM work WHERE work.statement = id)")
    connection.execute("DELETE FROM query WHERE (database, queryid) NOT IN (SELECT database, queryid FROM statement)")


def unknown_texts(connection: sqlite3.Connection) -> frozenset[tuple[str, int]]:
    """Statements, by database and queryid, without a text."""
    return frozenset((database, queryid) for database, queryid in connection.execute(_UNKNOWN_TEXTS))


def write_texts(connection: sqlite3.Connection, texts: Texts, now: int, most: int) -> None:
    """Keep texts, cut; those that were stored first go where there are more than ``most``."""
    rows = [(database, queryid, text[:LONGEST_TEXT], now) for (database, queryid), text in texts.items()]
    connection.executemany("INSERT OR REPLACE INTO query VALUES (?, ?, ?, ?)", rows)
    older = "SELECT rowid FROM query ORDER BY stored DESC, rowid DESC LIMIT -1 OFFSET ?"
    connection.executemany("DELETE FROM query WHERE rowid = ?", connection.execute(older, (most,)).fetchall())


def read_texts(connection: sqlite3.Connection, works: Works) -> Texts:
    """The texts of these statements that are known."""
    find = "SELECT text FROM query WHERE database = ? AND queryid = ?"
    wanted = {(key.database, key.queryid) for key in works}
    found = {key: connection.execute(find, key).fetchone() for key in wanted}
    return {key: row[0] for key, row in found.items() if row is not None}


def used_bytes(connection: sqlite3.Connection) -> int:
    """How much of the file holds something."""
    pages, free, size = (_pragma(connection, name) for name in ("page_count", "freelist_count", "page_size"))
    return (pages - free) * size


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
