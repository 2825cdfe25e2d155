"""Load on several hosts: writers that remember what was acknowledged, and a monitor of who takes writes.

The clocks of the hosts are this machine's, so moments of different nodes can be compared.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from typing import Any

import psycopg
from psycopg.rows import dict_row

from cluster.postgres.connection import Access, login
from tests.fix_ledger import Ledger

MONITOR_TABLE = "taken_writes"
RATE = 20
_DEAD_NETWORK: dict[str, Any] = {
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
"""A host that is gone sends no reset: without these a client waits for its answer for ever."""


@dataclass
class ManyHosts(Ledger):
    """A ledger whose workers have one libpq string with all hosts in it, as `inv connect` prints it.

    ``hosts`` are addresses, at the port of ``access``, and each session begins with the next: what is random for
    programs is so that there is a worker at each here. At nodes themselves (``read_write``) libpq chooses who takes
    writes; a pooler follows the primary itself.
    """

    workers: int = 3
    hosts: tuple[str, ...] = ()
    read_write: bool = False
    sessions: "count[int]" = field(default_factory=count)

    @contextmanager
    def session(self) -> "Iterator[psycopg.Connection[Any]]":
        first = next(self.sessions) % len(self.hosts)
        known = login(replace(self.access, host=",".join(self.hosts[first:] + self.hosts[:first])))
        chosen = {"target_session_attrs": "read-write"} if self.read_write else {}
        known |= {"connect_timeout": 2, **_DEAD_NETWORK, **chosen}
        known["port"] = ",".join(str(self.access.port) for _ in self.hosts)
        connection = psycopg.connect(
            **known, dbname=self.access.database, autocommit=True, prepare_threshold=None, row_factory=dict_row
        )
        with connection:
            yield connection


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenWrite:
    """A write that a node acknowledged: on which timeline, and when it was sent and answered."""

    node: str
    number: int
    timeline: int
    began: float
    ended: float


def late_writes(writes: Iterable[TakenWrite]) -> list[TakenWrite]:
    """Writes that began after another node's were acknowledged on a newer timeline: two nodes took writes.

    A timeline has one primary, and who is promoted begins a new one. So this holds over any number of switchovers,
    there and back, and needs no guess of how long one takes. A write that was sent before may be answered later: it
    counts by when it began, since an answer can lie in a socket for long. Two nodes on one timeline are found as well.
    """
    known = list(writes)
    first: dict[int, TakenWrite] = {}
    for write in sorted(known, key=lambda write: write.ended):
        first.setdefault(write.timeline, write)
    return [write for write in known if any(_is_late(write, other) for other in first.values())]


def _is_late(write: TakenWrite, first: TakenWrite) -> bool:
    if write.timeline == first.timeline:
        return write.node != first.node
    return write.timeline < first.timeline and write.began > first.ended


def overlap(writes: Iterable[TakenWrite]) -> float:
    """Seconds from the first write on a newer timeline to the last late one; 0.0 when there is none."""
    known = list(writes)
    late = late_writes(known)
    newer = min((w.ended for w in known if late and w.timeline > min(x.timeline for x in late)), default=0.0)
    return max((write.ended for write in late), default=newer) - newer


@dataclass
class Monitor:
    """Asks each node by itself, 20 times a second, whether it is a primary, and has it acknowledge a write then."""

    nodes: Mapping[str, Access]
    writes: list[TakenWrite] = field(default_factory=list)
    samples: dict[str, int] = field(default_factory=dict)
    """Answers of any kind, by node."""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._books = threading.Lock()
        self._numbers = iter(range(1, 1 << 40))

    def prepare(self, primary: str) -> None:
        """Make the table, empty."""
        with self._session(self.nodes[primary]) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {MONITOR_TABLE}")
            connection.execute(f"CREATE TABLE {MONITOR_TABLE} (number bigint PRIMARY KEY, node text)")

    @contextmanager
    def running(self) -> "Iterator[Monitor]":
        """Watch while the body runs."""
        threads = [threading.Thread(target=self._watch, args=(name,), daemon=True) for name in self.nodes]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(20)

    def takers(self, seconds: float = 1.0) -> set[str]:
        """Nodes that acknowledged a write within these last seconds."""
        since = time.monotonic() - seconds
        with self._books:
            return {write.node for write in self.writes if write.ended >= since}

    def check(self) -> None:
        """At no moment did two nodes take writes."""
        with self._books:
            late = late_writes(self.writes)
        assert not late, f"{len(late)} writes taken beside a newer primary, the first of {late[0]}"

    def lost(self, kept: Iterable[int]) -> list[TakenWrite]:
        """Acknowledged writes whose numbers are not among ``kept``."""
        there = set(kept)
        return [write for write in self.writes if write.number not in there]

    def gap(self) -> float:
        """The longest time in which no node acknowledged a write."""
        moments = sorted(write.ended for write in self.writes)
        return max((after - before for before, after in pairwise(moments)), default=0.0)

    @staticmethod
    def _session(access: Access) -> "psycopg.Connection[Any]":
        known = login(access) | {"connect_timeout": 2, **_DEAD_NETWORK}
        return psycopg.connect(**known, dbname=access.database, autocommit=True, prepare_threshold=None)

    def _watch(self, node: str) -> None:
        while not self._stop.is_set():
            try:
                with self._session(self.nodes[node]) as connection:
                    while not self._stop.wait(1 / RATE):
                        self._sample(node, connection)
            except psycopg.Error:
                self._stop.wait(1 / RATE)

    def _sample(self, node: str, connection: "psycopg.Connection[Any]") -> None:
        row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        with self._books:
            self.samples[node] = self.samples.get(node, 0) + 1
            number = next(self._numbers)
        if row is None or row[0]:
            return
        began = time.monotonic()
        taken = connection.execute(_TAKE, (number, node)).fetchone()
        ended = time.monotonic()
        assert taken is not None
        write = TakenWrite(node=node, number=number, timeline=int(taken[0], 16), began=began, ended=ended)
        with self._books:
            self.writes.append(write)


_TAKE = f"INSERT INTO {MONITOR_TABLE} VALUES (%s, %s) RETURNING substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
