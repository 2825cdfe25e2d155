"""What a user says must be true of a restored cluster: files of SQL, each a query.

A query passes when it returns no row (every row is a counterexample) or a single true. A file in a folder is run in
the database of that name, any other in the application's. They are run by a role that reads everything and can do
nothing else: a view may call any function of its owner's.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backup.restore.temporary_server import TemporaryServer
from cluster.errors import MachineError, PodsError, RefusedError
from cluster.postgres.connection import execute
from cluster.postgres.failures import one_line

TIMEOUT = 600.0
"""Seconds for each."""
_READER = "pods_reader_"
"""How the name of their role begins; the rest is random, so that nobody can have made one before."""
_MOST = 1000
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One assertion to be run: its name, the database, and its SQL."""

    name: str
    database: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One and what came of it; ``detail`` says why it does not hold."""

    name: str
    holds: bool
    detail: str = ""


def read_questions(directory: Path | None, database: str) -> tuple[Question, ...]:
    """Every ``*.sql`` file of the directory and of its folders, in order of their names.

    Raises:
        RefusedError: there are too many, or one cannot be read.
    """
    files = sorted(directory.rglob("*.sql")) if directory else []
    if len(files) > _MOST:
        raise RefusedError(f"there are {len(files)} assertions", f"at most {_MOST} are run")
    found = tuple(_read(path, str(path.relative_to(directory or path)), database) for path in files)
    if sum(len(each.sql) for each in found) > _LONGEST:
        raise RefusedError(f"the assertions in {directory} are longer than 1 MiB together")
    return found


def _read(path: Path, name: str, database: str) -> Question:
    try:
        sql = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(f"the assertion {name} cannot be read: {error}") from None
    return Question(name=name, database=Path(name).parent.name or database, sql=sql)


def run_all(server: TemporaryServer, questions: Sequence[Question]) -> tuple[Assertion, ...]:
    """Run them all, as a role made for it."""
    if not questions:
        return ()
    reader = _READER + secrets.token_hex(8)
    with server.connect("template1", timeout=60.0, writes=True) as connection:
        execute(connection, "create_reader_role", role=reader)
    return tuple(_run(server, reader, each) for each in questions)


def _run(server: TemporaryServer, reader: str, question: Question) -> Assertion:
    try:
        rows = _rows(server, reader, question)
    except PodsError as error:
        return Assertion(name=question.name, holds=False, detail=error.message)
    wrong = judge(rows)
    return Assertion(name=question.name, holds=not wrong, detail=wrong)


def _rows(server: TemporaryServer, reader: str, question: Question) -> list[dict[str, Any]]:
    import psycopg

    try:
        with server.connect("template1", timeout=60.0, writes=True) as connection:
            execute(connection, "open_database", database=question.database, role=reader)
        with server.connect(question.database, timeout=TIMEOUT, reader=reader) as connection:
            cursor = connection.execute(question.sql.encode())
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
