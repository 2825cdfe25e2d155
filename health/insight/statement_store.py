"""The history of statements on disk: one file, bounded, which may be lost.

It holds what nobody needs to run: what is damaged, foreign or of a newer PODS is set aside, and history begins anew.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cluster.insight.statement_history import HOUR, StatementBucket, Texts, Works
from health.insight import statement_tables as tables

FILE = "statements.db"
ASIDE = ".aside"
KEPT_FINE = 26 * 3600
"""Seconds for which buckets stay as short as they are made."""
KEPT = 15 * 86400
MOST_BYTES = 64 << 20
MOST_TEXTS = 5000
_UNUSABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

log = logging.getLogger("health")


class HistoryStoreError(Exception):
    """The history cannot be read or written now: no space, no right, another program that holds it."""


class StatementStore:
    """Buckets and texts in ``directory``; in memory where that is None or not there.

    Each method raises HistoryStoreError where it cannot be done now.
    """

    def __init__(self, directory: Path | None = None, *, most_bytes: int = MOST_BYTES) -> None:
        self._file = directory / FILE if directory is not None and directory.is_dir() else None
        self._most_bytes = most_bytes
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def put(self, buckets: Iterable[StatementBucket]) -> None:
        """Keep buckets, in place of those that begin at the same time."""
        with self._transaction() as connection:
            for bucket in buckets:
                tables.write(connection, bucket)

    def buckets(self, since: float, until: float) -> tuple[StatementBucket, ...]:
        """Buckets of which a part lies between, the earliest first."""
        with self._transaction() as connection:
            return tables.read_buckets(connection, since, until)

    def known(self) -> dict[str, float]:
        """From when on each node was read."""
        with self._transaction() as connection:
            return tables.begun_of_nodes(connection)

    def compact(self, now: float) -> None:
        """Make hours of what is older than a day; drop what is too old, too much, or of a clock that was ahead."""
        with self._transaction() as connection:
            tables.drop_outside(connection, now - KEPT, now + HOUR)
            tables.merge_hours(connection, now - KEPT_FINE)
            tables.sweep(connection)
            while tables.used_bytes(connection) > self._most_bytes and tables.drop_oldest(connection):
                tables.sweep(connection)

    def missing_texts(self) -> frozenset[tuple[str, int]]:
        """Statements, by database and queryid, whose text is not known."""
        with self._transaction() as connection:
            return tables.unknown_texts(connection)

    def put_texts(self, texts: Texts, now: float) -> None:
        """Keep texts, cut; the oldest go where there are too many."""
        with self._transaction() as connection:
            tables.write_texts(connection, texts, int(now), MOST_TEXTS)

    def texts(self, works: Works) -> Texts:
        """The texts of these statements that are known."""
        with self._transaction() as connection:
            return tables.read_texts(connection, works)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                connection = self._connection or self._open()
                with connection:
                    connection.execute("BEGIN")
                    yield connection
            except sqlite3.Error as error:
                self._close()
                if self._file is not None and _unusable(error):
                    self._set_aside(self._file, str(error))
                raise HistoryStoreError(str(error)) from None

    def _open(self) -> sqlite3.Connection:
        try:
            self._connection = _connect(self._file)
        except (tables.ForeignFileError, sqlite3.Error) as error:
            if self._file is None or not _unusable(error):
                raise
            self._set_aside(self._file, str(error))
            self._connection = _connect(self._file)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None and self._file is not None:  # what is only in memory would be lost
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    @staticmethod
    def _set_aside(file: Path, reason: str) -> None:
        log.warning("the history of statements begins anew, the old one is %s%s: %s", FILE, ASIDE, reason)
        try:
            file.replace(file.with_name(FILE + ASIDE))
            for end in ("-wal", "-shm", "-journal"):
                file.with_name(FILE + end).unlink(missing_ok=True)
        except OSError as error:
            raise HistoryStoreError(f"{FILE} cannot be set aside: {error}") from None


def _unusable(error: Exception) -> bool:
    code = int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
    return isinstance(error, tables.ForeignFileError) or code in _UNUSABLE


def _connect(file: Path | None) -> sqlite3.Connection:
    target = ":memory:" if file is None else str(file)
    if file is not None:
        with suppress(OSError):  # SQLite says it better
            file.touch(mode=0o600)
    connection = sqlite3.connect(target, timeout=2.0, check_same_thread=False, isolation_level=None)
    try:
        tables.prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection
