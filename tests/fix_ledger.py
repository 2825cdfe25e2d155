"""A client that remembers what was acknowledged: the judge of every promise about data.

Each worker inserts rows with its own running numbers, one transaction each. A number is *acknowledged* when COMMIT
returned, *unknown* when the connection broke during the transaction. Afterwards: every acknowledged number must be
there exactly once, and nothing may be there that was neither acknowledged nor unknown.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from cluster.errors import MachineError
from cluster.postgres.connection import Access, connect
from tests.fix_wait import eventually

TABLE = "ledger"


@dataclass
class Ledger:
    """Runs workers against ``access`` and keeps the books."""

    access: Access
    workers: int = 2
    table: str = TABLE
    acknowledged: set[tuple[int, int]] = field(default_factory=set)
    unknown: set[tuple[int, int]] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    longest_gap: float = 0.0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._books = threading.Lock()
        self._last = time.monotonic()
        self._threads: list[threading.Thread] = []

    def session(self) -> "AbstractContextManager[psycopg.Connection[Any]]":
        """What a worker writes through, until it breaks."""
        return connect(self.access)

    def prepare(self) -> None:
        """Make the table, empty."""
        with self.session() as connection:
            connection.execute(f"DROP TABLE IF EXISTS {self.table}")
            connection.execute(f"CREATE TABLE {self.table} (worker int, number int, PRIMARY KEY (worker, number))")

    @contextmanager
    def running(self) -> Iterator["Ledger"]:
        """Workers write while the body runs."""
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(self.workers)]
        self._last = time.monotonic()
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(30)

    def wait_for(self, count: int, timeout: float = 60) -> None:
        """Until ``count`` more transactions were acknowledged."""
        goal = len(self.acknowledged) + count
        eventually(lambda: len(self.acknowledged) >= goal, timeout, f"{count} more acknowledged", pause=0.01)

    def check(self, read: Callable[[str], list[dict[str, int]]]) -> None:
        """Compare the books with the table, read by ``read(sql)``."""
        found = {(row["worker"], row["number"]) for row in read(f"SELECT worker, number FROM {self.table}")}
        assert not self.acknowledged - found, f"acknowledged and lost: {sorted(self.acknowledged - found)[:5]}"
        invented = found - self.acknowledged - self.unknown
        assert not invented, f"never asked for: {sorted(invented)[:5]}"

    def _work(self, worker: int) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                with self.session() as connection:
                    while not self._stop.is_set():
                        number += 1
                        self._insert(connection, worker, number)
            except (psycopg.Error, MachineError) as error:
                with self._books:
                    self.errors.append(str(error).strip())
                time.sleep(0.05)

    def _insert(self, connection: "psycopg.Connection[dict[str, object]]", worker: int, number: int) -> None:
        entry = (worker, number)
        try:
            connection.execute(f"INSERT INTO {self.table} VALUES (%s, %s)", entry)
        except psycopg.Error:
            with self._books:
                self.unknown.add(entry)
            raise
        with self._books:
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - self._last)
            self._last = now
            self.acknowledged.add(entry)


@pytest.fixture
def make_ledger() -> Callable[[Access], Ledger]:
    """A prepared ledger for one pool or node."""

    def make(access: Access) -> Ledger:
        ledger = Ledger(access)
        ledger.prepare()
        return ledger

    return make
