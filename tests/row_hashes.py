"""What tables hold, in few words: so that two servers, or a server and what was restored, can be compared."""

from collections.abc import Callable, Iterable
from typing import Any

Hashes = dict[str, tuple[int, str]]
"""Of each table: rows, and a sum over row hashes."""


def row_hashes(query: Callable[[str], list[dict[str, Any]]], tables: Iterable[str]) -> Hashes:
    """Content of ``tables``, names as SQL has them, read by ``query(sql)``."""
    found = {}
    for table in tables:
        sql = f"SELECT count(*) AS n, coalesce(sum(hashtextextended(t::text, 0)), 0)::text AS hash FROM {table} t"
        (row,) = query(sql)
        found[table] = (row["n"], row["hash"])
    return found
