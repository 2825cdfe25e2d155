"""The few kinds of panel there are here, each a function from what it asks to a panel that looks like its siblings."""

from dataclasses import replace

from grafana.model import Json, Panel, Query, Threshold, ValueMapping

_LINE: Json = {
    "drawStyle": "line",
    "lineInterpolation": "linear",
    "lineWidth": 1,
    "fillOpacity": 8,
    "gradientMode": "none",
    "showPoints": "auto",
    "pointSize": 4,
    "spanNulls": False,
    "axisPlacement": "auto",
    "axisLabel": "",
    "scaleDistribution": {"type": "linear"},
}
_LATEST: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}


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
    repeat: str = "",
) -> Panel:
    """Values over time from 0 up; ``limits`` are drawn as dashed lines."""
    style = {
        **_LINE,
        "fillOpacity": 30 if stacked else 8,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
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
        repeat=repeat,
        style=style,
        options={
            "legend": {
                "showLegend": True,
                "displayMode": "table",
                "placement": "bottom",
                "calcs": ["lastNotNull", "max"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
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
        decimals=decimals,
        empty=empty,
        options={
            "reduceOptions": _LATEST,
            "colorMode": "background" if words else "value",
            "graphMode": "area" if graph else "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "name" if named else "auto",
            "wideLayout": True,
        },
    )


def bars(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 8,
    limits: tuple[Threshold, ...] = (),
    most: float | None = None,
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
        height=8,
        base="green" if limits else "blue",
        thresholds=limits,
        least=0,
        most=most,
        empty=empty,
        options={
            "reduceOptions": _LATEST,
            "displayMode": "basic",
            "orientation": "horizontal",
            "showUnfilled": True,
            "valueMode": "color",
            "namePlacement": "auto",
            "sizing": "auto",
            "minVizHeight": 16,
            "minVizWidth": 8,
        },
    )


def states(
    title: str, description: str, *queries: Query, words: tuple[ValueMapping, ...], width: int = 12, height: int = 6
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
        style={"fillOpacity": 70, "lineWidth": 0},
        options={
            "mergeValues": True,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.85,
            "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


def _at_the_end(queries: tuple[Query, ...]) -> tuple[Query, ...]:
    return tuple(replace(query, now=True) for query in queries)
