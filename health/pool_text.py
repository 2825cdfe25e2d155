"""The texts of the page about pools: each by itself where there is one database, else a line for each database. Pure.

Of hundreds the page has those in trouble and the busiest; its filter finds the others (page.js).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cluster.pool_status import DatabasePools, PoolStatus, by_database, foremost, rest

UNKNOWN = "–"
Mood = Literal["well", "warn", "bad"]
"""bad: something is wrong with the node itself; warn: it is on its way in or out."""
Cell = str | int | None
MOST_ROWS, MOST_LINES = 12, 8
"""Rows of each table, lines in the picture."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table."""

    cells: tuple[str, ...]
    mood: Mood = "well"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLine:
    """One database of the picture, or pool and its target: its clients, how much of it is in use (0 to 1)."""

    title: str
    clients: str
    used: float
    mood: Mood


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolText:
    """Rows of both tables and lines of the picture, and of each what there is beyond them.

    ``count`` is how many pools there are, 0 where there is one database, whose pools are all in the table.
    """

    state: str = "not answering"
    mood: Mood = "bad"
    databases: tuple[TableRow, ...] = ()
    more_databases: str = ""
    pools: tuple[TableRow, ...] = ()
    more_pools: str = ""
    lines: tuple[PoolLine, ...] = ()
    more_lines: str = ""
    count: int = 0


def pool_text(pools: Sequence[PoolStatus]) -> PoolText:
    """The texts of one poll."""
    (state, mood), databases = _pooler(pools), by_database(pools)
    if len(databases) <= 1:
        rows, lines = tuple(_pool_row(pool) for pool in pools), tuple(_pool_line(pool) for pool in pools)
        return PoolText(state=state, mood=mood, pools=rows, lines=lines)
    shown, drawn = foremost(databases, MOST_ROWS), foremost(databases, MOST_LINES)
    troubled = [pool for pool in pools if pool.troubled]
    listed = foremost(troubled, MOST_ROWS)
    return PoolText(
        state=state,
        mood=mood,
        databases=tuple(_database_row(each) for each in shown),
        more_databases=rest(databases, shown),
        pools=tuple(_pool_row(pool) for pool in listed),
        more_pools=rest(troubled, listed) or _nobody(pools, troubled),
        lines=tuple(_database_line(each) for each in drawn),
        more_lines=rest(databases, drawn),
        count=len(pools),
    )


def cells(*values: Cell) -> tuple[str, ...]:
    """As text; what is unknown is a dash."""
    return tuple(UNKNOWN if value is None else str(value) for value in values)


def _nobody(pools: Sequence[PoolStatus], troubled: Sequence[PoolStatus]) -> str:
    """In place of an empty table."""
    return "" if troubled else "none in trouble" if all(pool.known for pool in pools) else "nothing is known of them"


def _pooler(pools: Sequence[PoolStatus]) -> tuple[str, Mood]:
    """What PgBouncer is at, in a word."""
    if all(pool.clients is None for pool in pools):
        return "not answering", "bad"
    waiting = sum(pool.waiting or 0 for pool in pools)
    if any(pool.paused for pool in pools):
        return "paused", "bad"
    return (f"{waiting} clients wait", "bad") if waiting else ("running", "well")


def _pool_row(pool: PoolStatus) -> TableRow:
    target = ", ".join(pool.target)
    return TableRow(cells(pool.name, target, pool.clients, pool.waiting, pool.servers, pool.size), _mood(pool))


def _database_row(each: DatabasePools) -> TableRow:
    led = (each.name, ", ".join(each.writes), ", ".join(each.reads))
    return TableRow(cells(*led, len(each.pools), each.clients, each.waiting, each.servers), _mood(each))


def _pool_line(pool: PoolStatus) -> PoolLine:
    paused = " · paused" if pool.paused else ""
    return _line(f"{pool.name} → {_target(pool.target)}", pool, paused)


def _database_line(each: DatabasePools) -> PoolLine:
    return _line(each.name, each, "")


def _line(title: str, of: PoolStatus | DatabasePools, state: str) -> PoolLine:
    used = min(1.0, (of.servers or 0) / (of.size or 1))
    return PoolLine(title=title, clients=_clients(of.clients, of.waiting, state), used=used, mood=_mood(of))


def _target(nodes: Sequence[str]) -> str:
    return f"{len(nodes)} replicas" if len(nodes) > 1 else ", ".join(nodes)


def _mood(of: PoolStatus | DatabasePools) -> Mood:
    return "bad" if of.troubled else "well"


def _clients(clients: int | None, waiting: int | None, state: str) -> str:
    if clients is None:
        return UNKNOWN
    wait = f" · {waiting} wait" if waiting else ""
    return f"{clients} client{'' if clients == 1 else 's'}{wait}{state}"
