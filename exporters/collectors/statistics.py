"""PostgreSQL's statistics views, one query after the other over one connection; one that fails hides no other."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cluster import queries
from cluster.postgres.connection import Access, connect
from cluster.postgres.failures import ConnectError, Failure, one_line, translated
from exporters.declarations import MetricSource, Row

if TYPE_CHECKING:
    import psycopg

Rows = tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Rows by source, seconds and failures by collector, and in words and as a kind why there was no connection."""

    rows: dict[str, Rows] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    error: str = ""
    failure: Failure | None = None


@dataclass(slots=True)
class Remembered:
    """Rows that serve for longer than one scrape, by source, and until when (monotonic seconds)."""

    answers: dict[str, tuple[Rows, float]] = field(default_factory=dict)

    def recall(self, source: MetricSource) -> Rows | None:
        """The rows of an earlier scrape, None when they are too old."""
        rows, until = self.answers.get(source.name, ((), 0.0))
        return rows if time.monotonic() < until else None

    def keep(self, source: MetricSource, rows: Rows) -> None:
        """Remember rows of a source that has an ``every``."""
        if source.every:
            self.answers[source.name] = (rows, time.monotonic() + source.every)


def read_statistics(access: Access, sources: Iterable[MetricSource], remembered: Remembered) -> Statistics:
    """Read one node within the access's patience; an unreachable one is a reading too."""
    found = Statistics()
    try:
        with translated(), connect(access) as connection:
            for source in sources:
                _read(connection, source, remembered, found)
    except ConnectError as error:
        return Statistics(error=error.message, failure=error.kind)
    return found


def _read(
    connection: "psycopg.Connection[Any]", source: MetricSource, remembered: Remembered, found: Statistics
) -> None:
    import psycopg

    began = time.perf_counter()
    try:
        rows = remembered.recall(source)
        if rows is None:
            rows = tuple(connection.execute(queries.get(source.name)).fetchall())
            remembered.keep(source, rows)
        found.rows[source.name] = rows
    except psycopg.Error as error:
        found.failures[source.collector] = one_line(error)
        if connection.broken:
            raise
    seconds = time.perf_counter() - began
    found.seconds[source.collector] = found.seconds.get(source.collector, 0.0) + seconds
