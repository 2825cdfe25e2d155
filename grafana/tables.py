"""Panels that are tables: several queries joined on a label, or the series of one query as a list."""

from string import ascii_uppercase

from grafana.classic import mappings
from grafana.model import Json, Panel, Query, ValueMapping

_CELL: Json = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False}
_TABLE: Json = {"showHeader": True, "cellHeight": "sm"}


def cells(expr: str) -> Query:
    """A query for a table: its value now."""
    return Query(expr=expr, now=True)


def newest(selector: str, by: str) -> str:
    """Of the series with one value of ``by`` the one scraped last.

    Prometheus does not notice what went while it was away: a node that came back with another label is answered twice
    for five minutes.
    """
    return f"{selector}\n  and topk by ({by}) (1, timestamp({selector}))"


def table(
    title: str,
    description: str,
    labels: dict[str, str],
    columns: dict[str, tuple[Query, str]],
    *,
    words: dict[str, tuple[ValueMapping, ...]] | None = None,
    width: int = 24,
    height: int = 6,
) -> Panel:
    """One line per value of the first of ``labels``, by which all queries are joined.

    ``labels``: label → heading; all but the first come from the first query, which then has to ask for the ``newest``.
    ``columns``: heading → query and unit.
    """
    values = {f"Value #{letter}": name for letter, name in zip(ascii_uppercase, columns, strict=False)}
    return Panel(
        kind="table",
        title=title,
        description=description,
        queries=tuple(query for query, _ in columns.values()),
        unit="none",
        width=width,
        height=height,
        base="text",
        style=_CELL,
        options=_TABLE,
        transformations=(
            {"id": "joinByField", "options": {"byField": next(iter(labels)), "mode": "outer"}},
            *_arranged({**labels, **values}),
        ),
        overrides=tuple(_column(name, unit, (words or {}).get(name, ())) for name, (_, unit) in columns.items()),
    )


def listing(title: str, description: str, query: Query, labels: dict[str, str], *, width: int, empty: str) -> Panel:
    """One line per series of ``query``; ``labels``: label → heading, in the order of the columns."""
    return Panel(
        kind="table",
        title=title,
        description=description,
        queries=(query,),
        unit="none",
        width=width,
        height=6,
        base="text",
        empty=empty,
        style=_CELL,
        options=_TABLE,
        transformations=_arranged(labels),
    )


def _arranged(headings: dict[str, str]) -> tuple[Json, ...]:
    """Only these fields, in this order, under these headings."""
    order = {field: index for index, field in enumerate(headings)}
    return (
        {"id": "filterFieldsByName", "options": {"include": {"names": list(headings)}}},
        {"id": "organize", "options": {"excludeByName": {}, "indexByName": order, "renameByName": dict(headings)}},
    )


def _column(heading: str, unit: str, words: tuple[ValueMapping, ...]) -> Json:
    properties: list[Json] = [{"id": "unit", "value": unit}]
    if words:
        properties += [
            {"id": "mappings", "value": mappings(words)},
            {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        ]
    return {"matcher": {"id": "byName", "options": heading}, "properties": properties}
