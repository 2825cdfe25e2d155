"""A span of statements as the health service hands it out, and back: JSON. Pure.

A queryid is text in it: it has 64 bits, and a browser's numbers have 53.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.documents import parse_json, printable, read_as, to_json
from cluster.insight.statement_history import NodeCoverage, StatementSpan, Texts, Works
from cluster.insight.statements import StatementKey, StatementWork


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEntry:
    """One statement of one role in one database on one node, and its work; queryid 0 is the rest of the node."""

    node: str
    database: str
    role: str
    queryid: str
    toplevel: bool
    work: StatementWork


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementText:
    """A normalised text: others' text."""

    database: str
    queryid: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementDocument:
    """See StatementSpan; ``ratio`` is by what the work before is multiplied to compare it."""

    since: float
    until: float
    compared_since: float | None
    ratio: float
    works: tuple[StatementEntry, ...]
    before: tuple[StatementEntry, ...] | None
    texts: tuple[StatementText, ...]
    coverage: Mapping[str, NodeCoverage]
    unread: Mapping[str, str]


def document(span: StatementSpan) -> StatementDocument:
    """``span`` for JSON."""
    return StatementDocument(
        since=span.since,
        until=span.until,
        compared_since=span.compared_since,
        ratio=span.ratio,
        works=_entries(span.works),
        before=None if span.before is None else _entries(span.before),
        texts=tuple(
            StatementText(database=database, queryid=str(queryid), text=text)
            for (database, queryid), text in span.texts.items()
        ),
        coverage=span.coverage,
        unread=span.unread,
    )


def parse_document(text: str | bytes) -> StatementSpan:
    """The span of a response.

    Raises:
        ValueError: it is none.
    """
    raw = parse_json(text)
    given = raw.get("texts") if isinstance(raw, dict) else None
    if not isinstance(given, list):
        raise ValueError("no span of statements")  # noqa: TRY004 - what a document should be is a value
    texts = _texts(given)  # by themselves: lines of a text stay lines
    found = read_as(StatementDocument, {**raw, "texts": []})
    return StatementSpan(
        since=found.since,
        until=found.until,
        compared_since=found.compared_since,
        works=_works(found.works),
        before=None if found.before is None else _works(found.before),
        texts=texts,
        coverage=found.coverage,
        unread=found.unread,
    )


def _entries(works: Works) -> tuple[StatementEntry, ...]:
    return tuple(
        StatementEntry(
            node=key.node,
            database=key.database,
            role=key.role,
            queryid=str(key.queryid),
            toplevel=key.toplevel,
            work=work,
        )
        for key, work in works.items()
    )


def _works(entries: tuple[StatementEntry, ...]) -> Works:
    return {
        StatementKey(
            node=each.node,
            database=each.database,
            role=each.role,
            queryid=int(each.queryid),
            toplevel=each.toplevel,
        ): each.work
        for each in entries
    }


def _texts(raw: list[Any]) -> Texts:
    found = {}
    for each in raw:
        text = each.get("text") if isinstance(each, dict) else None
        known = read_as(StatementText, {**each, "text": ""} if isinstance(text, str) else each)
        found[known.database, int(known.queryid)] = "\n".join(map(printable, str(text).replace("\t", " ").split("\n")))
    return found


def as_json(span: StatementSpan) -> Any:
    """What `GET /insight/statements` answers."""
    return to_json(document(span))
