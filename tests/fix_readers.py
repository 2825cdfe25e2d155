"""Clients that read through pools over and over, and remember every error."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from cluster.errors import MachineError
from cluster.postgres.connection import Access, connect


@dataclass
class Readers:
    """One client for each access, with a connection that it keeps."""

    accesses: Sequence[Access]
    errors: list[str] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    """How often each pool was read through."""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self.done = {access.database: 0 for access in self.accesses}

    @contextmanager
    def running(self) -> Iterator["Readers"]:
        """They read while the body runs."""
        threads = [threading.Thread(target=self._work, args=(access,), daemon=True) for access in self.accesses]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(30)

    def _work(self, access: Access) -> None:
        while not self._stop.is_set():
            try:
                with connect(access) as connection:
                    while not self._stop.is_set():
                        connection.execute("SELECT pg_sleep(0.01)")
                        self.done[access.database] += 1
            except (psycopg.Error, MachineError) as error:
                self.errors.append(f"{access.database}: {error}".strip())
                time.sleep(0.05)
