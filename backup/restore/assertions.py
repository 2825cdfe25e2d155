"""What a user says must be true of a restored cluster: files of SQL, each a query.

A query passes when it returns no row (every row is a counterexample) or a single true. A file in a folder is run in
the database of that name, any other in the application's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backup.restore.throwaway import Server
from cluster.errors import MachineError, PodsError
from cluster.postgres import one_line

TIMEOUT = 600.0
"""Seconds for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One and what came of it; ``detail`` says why it does not hold."""

    name: str
    holds: bool
    detail: str = ""


def run_all(server: Server, directory: Path | None, database: str) -> tuple[Assertion, ...]:
    """Run every ``*.sql`` file of the directory and of its folders, in order of their names."""
    files = sorted(directory.rglob("*.sql")) if directory else []
    return tuple(_run(server, path, str(path.relative_to(directory or path)), database) for path in files)


def _run(server: Server, path: Path, name: str, database: str) -> Assertion:
    folder = Path(name).parent.name
    try:
        rows = _rows(server, path.read_bytes(), folder or database)
    except PodsError as error:
        return Assertion(name=name, holds=False, detail=error.message)
    wrong = judge(rows)
    return Assertion(name=name, holds=not wrong, detail=wrong)


def _rows(server: Server, query: bytes, database: str) -> list[dict[str, Any]]:
    import psycopg

    with server.connect(database, timeout=TIMEOUT) as connection:
        try:
            cursor = connection.execute(query)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise MachineError(one_line(error)) from None


def judge(rows: list[dict[str, Any]]) -> str:
    """Why the rows of an assertion do not hold; "" where they do."""
    if not rows or (len(rows) == 1 and list(rows[0].values()) == [True]):
        return ""
    first = ", ".join(f"{name}={value}" for name, value in rows[0].items())
    return f"{len(rows)} row{'s' if len(rows) > 1 else ''}, the first: {first}"[:300]
