"""PostgreSQL's statistics views, one query after the other over one connection; one that fails hides no other."""

import time
from collections.abc import Sequence
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
    refusals: dict[str, tuple[str, float]] = field(default_factory=dict)

    def recall(self, source: MetricSource) -> Rows | None:
        """The rows of an earlier scrape, None when they are too old."""
        rows, until = self.answers.get(source.name, ((), 0.0))
        return rows if time.monotonic() < until else None

    def keep(self, source: MetricSource, rows: Rows) -> None:
        """Remember rows of a source that has an ``every``."""
        if source.every:
            self.answers[source.name] = (rows, time.monotonic() + source.every)

    def refused(self, source: MetricSource) -> str:
        """Why it could not be read a moment ago, "" if it may be tried: what takes too long would cost every scrape."""
        reason, until = self.refusals.get(source.name, ("", 0.0))
        return reason if time.monotonic() < until else ""

    def refuse(self, source: MetricSource, reason: str) -> None:
        """Remember that a source that has an ``every`` could not be read."""
        if source.every:
            self.refusals[source.name] = (reason, time.monotonic() + source.every)


def read_statistics(
    access: Access, sources: Sequence[MetricSource], remembered: Remembered, found: Statistics | None = None
) -> Statistics:
    """Read one node within the access's patience; an unreachable one is a reading too. ``found`` shows how far it is.

    One that answers and has too much to say for the time is a node that answers: what was not read has failed.
    """
    found = found or Statistics()
    try:
        with translated(), connect(access) as connection:
            for source in sources:
                _read(connection, source, remembered, found)
    except ConnectError as error:
        if error.kind is not Failure.TIMEOUT or not found.rows:
            return Statistics(error=error.message, failure=error.kind)
        fail_unread(sources, found, error.message)
    return found


def fail_unread(sources: Sequence[MetricSource], found: Statistics, reason: str) -> None:
    """Say of every source without rows that it failed."""
    for source in sources:
        if source.name not in found.rows:
            found.failures.setdefault(source.collector, reason)


def _read(
    connection: "psycopg.Connection[Any]", source: MetricSource, remembered: Remembered, found: Statistics
) -> None:
    import psycopg

    began = time.perf_counter()
    try:
        if reason := remembered.refused(source):
            found.failures[source.collector] = reason
            return
        rows = remembered.recall(source)
        if rows is None:
            rows = _rows(connection, source)
            remembered.keep(source, rows)
        found.rows[source.name] = rows
    except (psycopg.Error, ConnectError) as error:
        reason = error.message if isinstance(error, ConnectError) else one_line(error)
        found.failures[source.collector] = reason
        remembered.refuse(source, reason)
        if isinstance(error, ConnectError) or connection.broken:
            raise
    seconds = time.perf_counter() - began
    found.seconds[source.collector] = found.seconds.get(source.collector, 0.0) + seconds


def _rows(connection: "psycopg.Connection[Any]", source: MetricSource) -> Rows:
    from psycopg import errors

    try:
        return tuple(connection.execute(queries.get(source.name)).fetchall())
    except (errors.ObjectNotInPrerequisiteState, errors.UndefinedFunction):
        if source.extension:
            return ()  # not preloaded, not made: `inv doctor` says so
        raise
