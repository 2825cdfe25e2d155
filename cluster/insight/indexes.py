"""Indexes that cost and give nothing, judged over all nodes: what replicas live on is not unused. Pure."""

from collections.abc import Iterator, Mapping

from cluster.insight.findings import InsightFinding
from cluster.insight.readings import DatabaseInsight, IndexPair, InsightReading, InvalidIndex, UnusedIndex
from cluster.insight.suggested_sql import remedy, visible
from cluster.units import human_seconds, human_size

UNUSED_SECONDS = 7 * 86400.0
"""For how long every node must have counted: much is used once a week."""
WORTH = 1 << 20
"""Bytes below which an index costs next to nothing."""


def judge_indexes(reading: InsightReading, unused_seconds: float = UNUSED_SECONDS) -> Iterator[InsightFinding]:
    """Every index that should be looked at, of every database that was read."""
    for database, found in reading.databases.items():
        yield from (_invalid(database, each) for each in found.invalid)
        yield from _pairs(database, found)
        if not why_not_judged(reading, database, unused_seconds):
            yield from _unused(reading, database, found, unused_seconds)


def why_not_judged(reading: InsightReading, database: str, unused_seconds: float = UNUSED_SECONDS) -> str:
    """Why nobody can say which indexes of ``database`` are unused, in one line; "" where that can be said."""
    found = reading.databases.get(database)
    silent = [name for name in reading.members if found is None or name not in found.counters]
    if silent:
        return f"which indexes are unused cannot be judged: {', '.join(silent)} did not answer, and may use them"
    for name in reading.members:
        node = reading.nodes.get(name)
        since = node.counted_since(database) if node else None
        if since is None or reading.taken - since < unused_seconds:
            known = "nobody knows since when" if since is None else f"for {human_seconds(reading.taken - since)} only"
            return f"which indexes are unused cannot be judged: {name} counts {known}"
    return ""


def _unused(
    reading: InsightReading, database: str, found: DatabaseInsight, unused_seconds: float
) -> Iterator[InsightFinding]:
    # whoever drops one of a pair lives on the other
    paired = {oid for pair in found.pairs for oid in (pair.oid, pair.other_oid)}
    old = max((mark.xid for mark in reading.marks if mark.at <= reading.taken - unused_seconds), default=None)
    for index in found.unused:
        young = old is not None and index.made_at > old
        if index.oid in paired or index.bytes < WORTH or young or any(_scans(found, part) for part in index.parts):
            continue
        yield _unused_finding(reading, database, index, proven=old is not None)


def _unused_finding(reading: InsightReading, database: str, index: UnusedIndex, *, proven: bool) -> InsightFinding:
    ages = {name: node.counted_since(database) for name, node in reading.nodes.items() if name in reading.members}
    shown = ", ".join(f"{name} for {human_seconds(reading.taken - (since or 0.0))}" for name, since in ages.items())
    made = "" if proven else "; if it was made later than that, nobody knows yet"
    expression = (
        "; the planner also takes statistics from it, as it is one of an expression" if index.expression else ""
    )
    blocking = "blocks reads and writes of the table while it waits and works; " if index.partitioned else ""
    query = "remedy_drop_partitioned_index" if index.partitioned else "remedy_drop_index"
    return InsightFinding(
        kind="unused_index",
        severity="warn" if proven else "note",
        subject=index.name,
        database=database,
        problem=f"no node uses this index of {index.table}, and every write keeps it up to date",
        evidence=f"{human_size(index.bytes)}, no scan on any node, which have counted: {shown}{made}",
        remedy=_dropped(query, index.name),
        risk=f"{blocking}what runs once a month or a year becomes slow{expression}",
        undo=visible(index.definition),
        weight=float(index.bytes),
    )


def _dropped(query: str, index: str) -> str:
    if query == "remedy_drop_index":
        return remedy("remedy_drop_index", index=index)
    return remedy("remedy_drop_partitioned_index", index=index)


def _pairs(database: str, found: DatabaseInsight) -> Iterator[InsightFinding]:
    for pair in found.pairs:
        if pair.same or pair.bytes >= WORTH:
            yield _pair(database, found, pair)


def _pair(database: str, found: DatabaseInsight, pair: IndexPair) -> InsightFinding:
    problem = f"{pair.other} has the same columns" if pair.same else f"{pair.other} begins with the same columns"
    return InsightFinding(
        kind="duplicate_index" if pair.same else "redundant_index",
        severity="warn" if pair.same else "note",
        subject=pair.name,
        database=database,
        problem=f"an index of {pair.table} twice: {problem}",
        evidence=f"{human_size(pair.bytes)}, {_counted(found, pair.oid)}; the other {human_size(pair.other_bytes)}, "
        f"{_counted(found, pair.other_oid)}: {pair.other_definition}",
        remedy=remedy("remedy_drop_index", index=pair.name),
        risk="none for what can use the other one"
        if pair.same
        else "scans of the other one, which is larger, cost somewhat more",
        undo=visible(pair.definition),
        weight=float(pair.bytes),
    )


def _invalid(database: str, index: InvalidIndex) -> InsightFinding:
    cost = (
        "every write keeps it up to date, and no statement can use it" if index.written else "no statement can use it"
    )
    return InsightFinding(
        kind="invalid_index",
        severity="warn",
        subject=index.name,
        database=database,
        problem=f"making this index of {index.table} was broken off: {cost}",
        evidence=f"invalid, {human_size(index.bytes)}, and nobody works on it: {index.definition}",
        remedy=remedy("remedy_drop_index", index=index.name)
        if index.leftover
        else remedy("remedy_reindex", index=index.name),
        risk="none: it is what REINDEX CONCURRENTLY left; the index that it was to replace is there"
        if index.leftover
        else "reads the whole table; fails again, and leaves another one, if rows contradict a unique index",
        undo=visible(index.definition) if index.leftover else "",
        weight=float(index.bytes),
    )


def _scans(found: DatabaseInsight, oid: int) -> int:
    return sum(counted[oid].scans for counted in found.counters.values() if oid in counted)


def _counted(found: DatabaseInsight, oid: int) -> str:
    by_node: Mapping[str, int] = {
        name: counted[oid].scans for name, counted in found.counters.items() if oid in counted
    }
    return "scans: " + (", ".join(f"{name} {scans}" for name, scans in by_node.items()) or "unknown")
