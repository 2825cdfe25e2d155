"""Statements and the work they made, over a span of time: differences of pg_stat_statements' counters. Pure."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Self

MEASURES: Mapping[str, Callable[["StatementWork"], float]] = {
    "time": lambda work: work.exec_seconds,
    "io": lambda work: work.io_seconds or float(work.blocks_read + work.blocks_written) / 1e6,
    "wal": lambda work: float(work.wal_bytes),
    "temp": lambda work: float(work.temp_blocks),
    "rows": lambda work: float(work.rows),
}
"""By what statements are ranked, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementKey:
    """One statement of one role in one database on one node; ``queryid`` is PostgreSQL's, 0 for the rest of them."""

    node: str
    database: str
    role: str
    queryid: int
    toplevel: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementWork:
    """What was done: counts, seconds, blocks of 8 kB, bytes of WAL."""

    calls: int = 0
    plan_seconds: float = 0.0
    exec_seconds: float = 0.0
    rows: int = 0
    blocks_hit: int = 0
    blocks_read: int = 0
    blocks_dirtied: int = 0
    blocks_written: int = 0
    io_seconds: float = 0.0
    temp_blocks: int = 0
    wal_bytes: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})

    def since(self, earlier: Self) -> Self:
        """What came on top of ``earlier``; all of it where a counter went back, which begins anew after a reset."""
        grown = {each.name: getattr(self, each.name) - getattr(earlier, each.name) for each in fields(self)}
        return self if any(value < 0 for value in grown.values()) else type(self)(**grown)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedStatement:
    """A statement's counters at one moment, and since when (Unix seconds) the server has counted it.

    ``owners`` are the server's own numbers of database and role: names change, and are "" for all that are gone.
    """

    key: StatementKey
    work: StatementWork
    counted_since: float
    owners: tuple[int, int] | None = None

    @property
    def identity(self) -> Hashable:
        """What makes it the same in two readings."""
        owners = self.owners or (self.key.database, self.key.role)
        return self.key.node, owners, self.key.queryid, self.key.toplevel, self.counted_since


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedStatement:
    """A statement over all nodes, for a list by one measure.

    ``text`` is the normalised text, "" where the server has dropped it; it is others' text. ``nodes`` is what each node
    did; ``share`` of all statements' in this measure; ``before`` the same in the span before, None where unknown.
    """

    database: str
    role: str
    queryid: int
    text: str
    work: StatementWork
    nodes: Mapping[str, StatementWork]
    share: float
    before: StatementWork | None = None


def grown(after: Iterable[CountedStatement], before: Iterable[CountedStatement]) -> dict[StatementKey, StatementWork]:
    """What each statement did between two readings of one node; without what did nothing.

    A statement that the server has dropped and counted anew in between counts from there.
    """
    earlier = {each.identity: each.work for each in before}
    found: dict[StatementKey, StatementWork] = {}
    for each in after:
        then = earlier.get(each.identity)
        work = each.work if then is None else each.work.since(then)
        if work.calls:
            found[each.key] = found[each.key] + work if each.key in found else work
    return found


def ranked(
    works: Mapping[StatementKey, StatementWork],
    before: Mapping[StatementKey, StatementWork] | None,
    texts: Mapping[tuple[str, int], str],
    measure: str,
    most: int = 10,
) -> tuple[RankedStatement, ...]:
    """The ``most`` greatest by ``measure``, summed over nodes; ``texts`` by database and queryid."""
    rank, now = MEASURES[measure], _by_statement(works)
    then = None if before is None else _by_statement(before)
    total = sum(rank(_sum(nodes.values())) for nodes in now.values())
    found = []
    for (database, role, queryid), nodes in now.items():
        work = _sum(nodes.values())
        if rank(work) <= 0:
            continue
        earlier = None if then is None else _sum(then.get((database, role, queryid), {}).values())
        text = texts.get((database, queryid), "")
        found.append(
            RankedStatement(
                database=database,
                role=role,
                queryid=queryid,
                text=text,
                work=work,
                nodes=nodes,
                share=rank(work) / total,
                before=earlier,
            )
        )
    return tuple(sorted(found, key=lambda each: (-rank(each.work), each.database, each.role, each.queryid))[:most])


def _by_statement(
    works: Mapping[StatementKey, StatementWork],
) -> dict[tuple[str, str, int], dict[str, StatementWork]]:
    found: dict[tuple[str, str, int], dict[str, StatementWork]] = {}
    for key, work in works.items():
        nodes = found.setdefault((key.database, key.role, key.queryid), {})
        nodes[key.node] = nodes.get(key.node, StatementWork()) + work
    return found


def _sum(works: Iterable[StatementWork]) -> StatementWork:
    total = StatementWork()
    for each in works:
        total += each
    return total
