"""Panels that are tables: several queries joined on a label, or the series of one query as a list."""

from dashboards.model import Column, Panel, Query, ValueMapping


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
    values = (
        Column(heading=heading, query=number, unit=unit, words=(words or {}).get(heading, ()))
        for number, (heading, (_, unit)) in enumerate(columns.items())
    )
    return Panel(
        kind="table",
        title=title,
        description=description,
        queries=tuple(query for query, _ in columns.values()),
        unit="none",
        width=width,
        height=height,
        base="text",
        columns=(*_labels(labels), *values),
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
        columns=_labels(labels),
    )


def _labels(labels: dict[str, str]) -> tuple[Column, ...]:
    return tuple(Column(heading=heading, label=label) for label, heading in labels.items())
