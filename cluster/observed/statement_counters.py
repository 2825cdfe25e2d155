"""What a node has counted of each statement, and the texts of some."""

import time
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from cluster import queries
from cluster.insight.statements import CountedStatement, StatementKey, StatementWork
from cluster.postgres.connection import Access, connect, fetch_one
from cluster.postgres.failures import ConnectError, translated
from cluster.units import human_size

if TYPE_CHECKING:
    import psycopg

MOST_TEXTS = 64 << 20
"""Bytes of texts on a server beyond which none is asked for: it takes as much memory for each question."""
_WORK = tuple(each.name for each in fields(StatementWork))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementReading:
    """Counters of one node; ``error`` says in words why there are none. ``seconds`` is what reading took."""

    counted: tuple[CountedStatement, ...] = ()
    error: str = ""
    seconds: float = 0.0


def read_counters(node: str, access: Access) -> StatementReading:
    """Every statement of one node, over a connection of its own; an unreachable node is a reading too."""
    began = time.monotonic()
    try:
        with translated(), connect(access) as connection:
            counted = read_statements(connection, node)
    except ConnectError as error:
        return StatementReading(error=error.message)
    return StatementReading(counted=counted, seconds=time.monotonic() - began)


def read_some_texts(access: Access, queryids: Collection[int]) -> dict[tuple[str, int], str]:
    """The same as ``read_texts`` over a connection of its own.

    Raises:
        ConnectError: it cannot be read in time, or the server has too many, all of which it reads for it.
    """
    with translated(), connect(access) as connection:
        size = fetch_one(connection, "insight_texts_size", lambda bytes: int(bytes)) or 0
        if size > MOST_TEXTS:
            raise ConnectError(f"the texts of its statements are {human_size(size)}, which it would read into memory")
        return read_texts(connection, queryids)


def read_statements(connection: "psycopg.Connection[Any]", node: str) -> tuple[CountedStatement, ...]:
    """Every statement that ``node``, at the other end in the database postgres, counts now."""
    return tuple(_counted(node, row) for row in connection.execute(queries.get("insight_statements")).fetchall())


def read_texts(connection: "psycopg.Connection[Any]", queryids: Collection[int]) -> dict[tuple[str, int], str]:
    """The normalised texts of these statements, by database and queryid; without those that the server has dropped."""
    rows = connection.execute(queries.get("insight_texts"), [list(queryids)]).fetchall()
    return {(row["database"], row["queryid"]): row["text"] for row in rows}


def _counted(node: str, row: dict[str, Any]) -> CountedStatement:
    key = StatementKey(
        node=node, database=row["database"], role=row["role"], queryid=row["queryid"], toplevel=row["toplevel"]
    )
    return CountedStatement(
        key=key,
        work=StatementWork(**{name: row[name] for name in _WORK}),
        counted_since=row["counted_since"],
        owners=(row["database_oid"], row["role_oid"]),
    )
