"""Insight now: what all nodes show, judged, together with what statements did; the same on a terminal and a page."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from cluster.errors import UsageError
from cluster.insight.assembly import MOST, coverage_notes, make_report, missing_texts
from cluster.insight.document import InsightDocument, make_document
from cluster.insight.judgement import unjudged
from cluster.insight.readings import TransactionMark
from cluster.insight.statement_history import MOST_OF_SPAN, StatementSpan, Texts, bounded
from cluster.insight.statements import StatementKey, StatementWork
from cluster.observed.insight_reader import read_insight
from cluster.observed.poller import Poller
from cluster.observed.statement_counters import StatementReading, read_counters, read_some_texts
from cluster.postgres.connection import Access, connect, fetch_all
from cluster.postgres.failures import ConnectError, translated
from cluster.roles import MAINTENANCE

NODE_SECONDS = 10.0
"""What one node may take to show what its statements did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightScope:
    """What is shown: statements since a Unix time, of one database or of all (""), ``most`` of each measure.

    ``marks`` say how old an index is, where somebody kept them.
    """

    since: float
    database: str = ""
    most: int = MOST
    deadline: float = 60.0
    notes: Iterable[str] = field(default=())
    marks: tuple[TransactionMark, ...] = ()


def read_document(
    accesses: Mapping[str, Access], span: StatementSpan, scope: InsightScope, poller: Poller | None = None
) -> InsightDocument:
    """Read all nodes, as the role monitor in the database postgres, and judge.

    A caller that reads often passes the same ``poller`` each time.

    Raises:
        UsageError: there is no such database.
    """
    names = database_names(accesses)
    if names and scope.database and scope.database not in names:
        raise UsageError(f"there is no database {scope.database!r}", "there are: " + ", ".join(sorted(names)))
    databases = [scope.database] if scope.database else names
    reading = replace(read_insight(accesses, databases, deadline=scope.deadline, poller=poller), marks=scope.marks)
    span = replace(span, texts={**span.texts, **_texts(accesses, missing_texts(span, scope.most, scope.database))})
    report = make_report(span, reading, database=scope.database, most=scope.most)
    notes = [*scope.notes, *coverage_notes(span, scope.since), *unjudged(reading)]
    return make_document(report, notes, span.ratio)


def database_names(accesses: Mapping[str, Access]) -> list[str]:
    """The databases of the first node that answers, the busiest first; none where no node does."""
    for access in accesses.values():
        try:
            with translated(), connect(replace(access, connect_timeout=3, patience=NODE_SECONDS)) as connection:
                return [name for name in fetch_all(connection, "insight_database_names", _name) if name != MAINTENANCE]
        except ConnectError:
            continue
    return []


def _name(*, name: str) -> str:
    return name


def counters_span(accesses: Mapping[str, Access], database: str = "") -> StatementSpan:
    """What statements of one database or of all did since each node counts them: nobody has kept what they did when."""
    work = {name: partial(read_counters, name, _patient(access)) for name, access in accesses.items()}
    done = Poller().run(work, NODE_SECONDS)
    late = StatementReading(error=f"no answer within {NODE_SECONDS:.0f} s")
    readings = {name: done.get(name, late) for name in accesses}
    works: dict[StatementKey, StatementWork] = {}
    for each in (counted for reading in readings.values() for counted in reading.counted):
        if each.key.database not in ("", database or each.key.database):
            continue
        works[each.key] = works.get(each.key, StatementWork()) + each.work
    kept = bounded(works, MOST_OF_SPAN)
    now = time.time()
    return StatementSpan(
        since=min((each.counted_since for reading in readings.values() for each in reading.counted), default=now),
        until=now,
        compared_since=None,
        works=kept,
        before=None,
        unread={name: reading.error for name, reading in readings.items() if reading.error},
    )


def _texts(accesses: Mapping[str, Access], keys: Iterable[StatementKey]) -> Texts:
    """Of each statement from a node that has it; without those that are dropped, or of a node that does not answer."""
    found: dict[tuple[str, int], str] = {}
    wanted = list(keys)
    for name, access in accesses.items():
        missing = {key.queryid for key in wanted if key.node == name and (key.database, key.queryid) not in found}
        if missing:
            with suppress(ConnectError):
                found |= read_some_texts(_patient(access), sorted(missing))
    return found


def _patient(access: Access) -> Access:
    return replace(access, connect_timeout=3, statement_timeout=NODE_SECONDS, patience=NODE_SECONDS)
