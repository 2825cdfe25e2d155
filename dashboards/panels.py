"""The few kinds of panel there are here, each a function from what it asks to a panel that looks like its siblings."""

from dataclasses import replace

from dashboards.model import Panel, Query, Threshold, ValueMapping


def series(expr: str, legend: str) -> Query:
    """A query over time; ``legend`` names its series by their labels."""
    return Query(expr=expr, legend=legend)


def from_(value: float, colour: str) -> Threshold:
    """From ``value`` on, ``colour``."""
    return Threshold(value=value, colour=colour)


def warn_at(warning: float, critical: float) -> tuple[Threshold, ...]:
    """Orange from the one value on, red from the other."""
    return from_(warning, "orange"), from_(critical, "red")


def fine_from(some: float, enough: float) -> tuple[Threshold, ...]:
    """For what should be high (below ``some`` the base colour, red): orange from there, green from ``enough``."""
    return from_(some, "orange"), from_(enough, "green")


def word(value: int, text: str, colour: str) -> ValueMapping:
    """``value`` is shown as ``text``."""
    return ValueMapping(value=value, text=text, colour=colour)


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 8,
    stacked: bool = False,
    limits: tuple[Threshold, ...] = (),
    most: float | None = None,
    decimals: int | None = None,
    empty: str = "",
    repeat: str = "",
) -> Panel:
    """Values over time from 0 up; ``limits`` are drawn as dashed lines."""
    return Panel(
        kind="timeseries",
        title=title,
        description=description,
        queries=queries,
        unit=unit,
        width=width,
        height=8,
        base="transparent" if limits else "green",
        thresholds=limits,
        least=0,
        most=most,
        decimals=decimals,
        empty=empty,
        repeat=repeat,
        stacked=stacked,
    )


def figure(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 4,
    height: int = 4,
    base: str = "green",
    limits: tuple[Threshold, ...] = (),
    words: tuple[ValueMapping, ...] = (),
    decimals: int | None = None,
    empty: str = "",
    named: bool = False,
    graph: bool = False,
) -> Panel:
    """The latest value, large. ``named``: the series' name instead of it; ``graph``: its course behind it."""
    coloured = bool(limits or words)
    return Panel(
        kind="stat",
        title=title,
        description=description,
        queries=queries if graph else _at_the_end(queries),
        unit=unit,
        width=width,
        height=height,
        base=base if coloured else "text",
        thresholds=limits,
        words=words,
        decimals=_decimals(unit, decimals),
        empty=empty,
        graph=graph,
        named=named,
    )


def bars(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 8,
    height: int = 8,
    limits: tuple[Threshold, ...] = (),
    most: float | None = None,
    decimals: int | None = None,
    empty: str = "",
) -> Panel:
    """The latest values side by side, longest bar for the largest."""
    return Panel(
        kind="bargauge",
        title=title,
        description=description,
        queries=_at_the_end(queries),
        unit=unit,
        width=width,
        height=height,
        base="green" if limits else "blue",
        thresholds=limits,
        least=0,
        most=most,
        decimals=_decimals(unit, decimals),
        empty=empty,
    )


def states(
    title: str,
    description: str,
    *queries: Query,
    words: tuple[ValueMapping, ...],
    width: int = 12,
    height: int = 6,
    empty: str = "",
) -> Panel:
    """Which state each series was in, over time, as coloured bands."""
    return Panel(
        kind="state-timeline",
        title=title,
        description=description,
        queries=queries,
        unit="none",
        width=width,
        height=height,
        words=words,
        empty=empty,
    )


def _decimals(unit: str, given: int | None) -> int | None:
    """Of a share nobody wants to read thousandths."""
    return 1 if given is None and unit == "percentunit" else given


def _at_the_end(queries: tuple[Query, ...]) -> tuple[Query, ...]:
    return tuple(replace(query, now=True) for query in queries)
