"""Reads what insight judges, as the monitoring role: every node at once, then one database after the other.

Nothing here waits for a lock of anybody's, and no name in it leads to anything but the catalog. A node or a database
that cannot be read is said, and hides nothing of the others.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from cluster.insight.readings import (
    DatabaseCounters,
    DatabaseInsight,
    HorizonHolder,
    IndexPair,
    InsightReading,
    InvalidIndex,
    LockedSession,
    NodeCounters,
    NodeInsight,
    ObjectCounters,
    SequenceState,
    TableState,
    UnusedIndex,
)
from cluster.insight.redaction import redacted
from cluster.insight.report import Wait
from cluster.observed.poller import Poller
from cluster.postgres.connection import Access, connect, fetch_all, fetch_one
from cluster.postgres.failures import ConnectError, translated

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

NODE_SECONDS = 5.0
"""What one node may take to show what it waits for and what it has counted."""
DATABASE_SECONDS = 20.0
"""What one database may take; tens of thousands of tables take one or two, on a machine that has time."""
_OUT_OF_TIME = "there was no time left for it; the next reading begins with it"
_NOBODY = "no node takes writes, or more than one"
_RESULT = TypeVar("_RESULT")
_LARGE, _MOST_LARGE = 100 << 20, 20
"""Tables of which it is worth knowing how much is free, in bytes, and how many of them."""
_FREE_STEP = 32
"""Bytes that one step of the free space map stands for. Source: src/backend/storage/freespace/freespace.c."""


def read_insight(
    accesses: Mapping[str, Access],
    databases: Sequence[str],
    *,
    deadline: float = 60.0,
    poller: Poller | None = None,
) -> InsightReading:
    """Read all nodes, then ``databases`` in this order, as many as there is time for within ``deadline`` seconds.

    ``accesses`` lead to the database postgres of each node, as the role monitor. A caller that reads often passes the
    same ``poller`` each time: then no server is ever read twice at once.
    """
    until, poller = time.monotonic() + deadline, poller or Poller()
    reading = read_nodes(accesses, poller=poller)
    found: dict[str, DatabaseInsight] = {}
    unread = dict(reading.unread)
    answering = {name: accesses[name] for name in reading.nodes}
    for database in databases:
        if not reading.primary:
            unread[database] = _NOBODY
        elif time.monotonic() > until:
            unread[database] = _OUT_OF_TIME
        else:
            read = partial(_read_database, answering, reading.primary, database)
            found |= _each({database: read}, unread, DATABASE_SECONDS, poller)
    return replace(reading, databases=found, unread=unread)


def read_nodes(accesses: Mapping[str, Access], *, poller: Poller | None = None) -> InsightReading:
    """What every node shows by itself: what is waited for, who holds what, settings and counters."""
    unread: dict[str, str] = {}
    work = {name: partial(_read_node, name, _bounded(access, NODE_SECONDS)) for name, access in accesses.items()}
    nodes = _each(work, unread, NODE_SECONDS, poller or Poller())
    return InsightReading(taken=time.time(), members=tuple(accesses), nodes=nodes, unread=unread)


def _each(
    work: Mapping[str, Callable[[], _RESULT]], unread: dict[str, str], seconds: float, poller: Poller
) -> dict[str, _RESULT]:
    """What each gives; of one that gives nothing, why, in ``unread``."""
    done = poller.run({key: partial(_tried, function) for key, function in work.items()}, seconds + 1)
    found: dict[str, _RESULT] = {}
    for key in work:
        result = done.get(key, ConnectError(f"no answer within {seconds:.0f} s"))
        if isinstance(result, ConnectError):
            unread[key] = result.message
        else:
            found[key] = result
    return found


def _tried(function: Callable[[], _RESULT]) -> _RESULT | ConnectError:
    try:
        with translated():
            return function()
    except ConnectError as error:
        return error


def _bounded(access: Access, seconds: float) -> Access:
    return replace(access, connect_timeout=3, statement_timeout=seconds, patience=seconds)


def _read_node(name: str, access: Access) -> NodeInsight:
    with connect(access) as connection:
        counters = fetch_one(connection, "insight_node", NodeCounters)
        assert counters is not None
        return NodeInsight(
            counters=counters,
            databases=tuple(fetch_all(connection, "insight_databases", DatabaseCounters)),
            waits=tuple(fetch_all(connection, "insight_waits", partial(Wait, node=name))),
            locked=tuple(fetch_all(connection, "insight_blocking", _locked)),
            holders=tuple(fetch_all(connection, "insight_horizon", _holder)),
        )


def _locked(*, blocked_by: list[int], query: str, **columns: Any) -> LockedSession:
    return LockedSession(blocked_by=tuple(blocked_by), query=redacted(query or ""), **columns)


def _holder(*, query: str, **columns: Any) -> HorizonHolder:
    return HorizonHolder(query=redacted(query or ""), **columns)


def _read_database(accesses: Mapping[str, Access], primary: str, database: str) -> DatabaseInsight:
    """What is in it by its primary, then what each node has counted of what that found."""
    access = replace(_bounded(accesses[primary], DATABASE_SECONDS), database=database)
    with connect(access) as connection:
        found = DatabaseInsight(
            tables=tuple(fetch_all(connection, "insight_tables", _table)),
            unused=tuple(fetch_all(connection, "insight_unused_indexes", _unused)),
            pairs=tuple(fetch_all(connection, "insight_index_pairs", IndexPair)),
            invalid=tuple(fetch_all(connection, "insight_invalid_indexes", InvalidIndex)),
        )
        sequences = [dict(row) for row in _rows(connection, "insight_sequences")]
        counters: dict[str, dict[int, ObjectCounters] | None] = {primary: _counters(connection, found)}
    for name, other in accesses.items():
        if name != primary:
            counters[name] = _counted_elsewhere(replace(_bounded(other, NODE_SECONDS), database=database), found)
    states, error = _sequences(_bounded(accesses[primary], NODE_SECONDS), sequences)
    return replace(
        found,
        sequences=states,
        sequences_error=error,
        free_bytes=_free_bytes(_bounded(accesses[primary], NODE_SECONDS), found.tables),
        sequences_unread=sequences[0]["all"] - len(sequences) if sequences else 0,
        counters={name: counted for name, counted in counters.items() if counted is not None},
    )


def _rows(connection: "Connection", query: str) -> list[dict[str, Any]]:
    return fetch_all(connection, query, lambda **columns: columns)


def _table(*, options: list[str], **columns: Any) -> TableState:
    return TableState(options=tuple(options), **columns)


def _unused(*, parts: list[int], **columns: Any) -> UnusedIndex:
    return UnusedIndex(parts=tuple(parts), **columns)


def _counted_elsewhere(access: Access, found: DatabaseInsight) -> dict[int, ObjectCounters] | None:
    """None where that node does not let anybody see: then nothing can be said of all nodes."""
    try:
        with translated(), connect(access) as connection:
            return _counters(connection, found)
    except ConnectError:
        return None


def _counters(connection: "Connection", found: DatabaseInsight) -> dict[int, ObjectCounters]:
    oids = {
        *(table.oid for table in found.tables),
        *(part for index in found.unused for part in index.parts),
        *(oid for pair in found.pairs for oid in (pair.oid, pair.other_oid)),
    }
    return {each.oid: each for each in fetch_all(connection, "insight_counters", ObjectCounters, [sorted(oids)])}


def _free_bytes(home: Access, tables: Sequence[TableState]) -> dict[int, int]:
    """Of the largest tables what vacuum found to be free, as an estimate; none where that cannot be read."""
    large = sorted((each for each in tables if each.bytes >= _LARGE), key=lambda each: -each.bytes)[:_MOST_LARGE]
    if not large:
        return {}
    by_path = dict.fromkeys((each.path for each in large), 0)
    try:
        with translated(), connect(home) as connection:
            for path, every, slots in fetch_all(connection, "insight_free_space", _map_block, [list(by_path)]):
                by_path[path] += every * sum(slots) * _FREE_STEP
    except ConnectError:
        return {}
    return {each.oid: min(each.bytes, by_path[each.path]) for each in large}


def _map_block(*, path: str, every: int, slots: bytes) -> tuple[str, int, bytes]:
    return path, every, bytes(slots)


def _sequences(home: Access, rows: list[dict[str, Any]]) -> tuple[tuple[SequenceState, ...], str]:
    """Each with its value, from the database postgres: what shows it there is PODS' own. Or why it shows none."""
    if not rows:
        return (), ""
    paths = [row["path"] for row in rows]
    try:
        with translated(), connect(home) as connection:
            values = dict(fetch_all(connection, "insight_sequence_values", lambda path, value: (path, value), [paths]))
    except ConnectError as error:
        return (), error.message
    columns = [{name: value for name, value in row.items() if name not in ("all", "path")} for row in rows]
    return tuple(SequenceState(value=values.get(path), **own) for path, own in zip(paths, columns, strict=True)), ""
