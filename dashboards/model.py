"""What a dashboard is, in our own words. ``classic.py`` says the same in Grafana's, ``browser.py`` to our own page."""

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["timeseries", "stat", "bargauge", "table", "state-timeline"]
Json = dict[str, Any]
COLUMNS = 24
"""Width of Grafana's grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One PromQL expression; its series are named by ``legend``. ``now``: its value at the end of the time shown, so
    that what is gone is not shown with the last value it had; else its course.
    """

    expr: str
    legend: str = ""
    now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """From ``value`` (in the panel's unit) on, this colour."""

    value: float
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMapping:
    """A value that is shown as a word in a colour."""

    value: int
    text: str
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: what series have for ``label``, or else the values of the panel's ``query``."""

    heading: str
    label: str = ""
    query: int = 0
    unit: str = "none"
    words: tuple[ValueMapping, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: what it asks, what it means, how it looks.

    ``unit`` is one of Grafana's unit ids; ``width`` is in 24ths of the page, ``height`` in grid rows of 30 pixels.
    ``base`` is the colour below the first threshold. ``repeat`` names a variable: one such panel for each value.
    Of lines: ``stacked``. Of a figure: ``graph``, its course is behind it; ``named``, the series' name instead of the
    value. Of a table: ``columns``.
    """

    kind: Kind
    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str
    width: int
    height: int
    base: str = "green"
    thresholds: tuple[Threshold, ...] = ()
    words: tuple[ValueMapping, ...] = ()
    least: float | None = None
    most: float | None = None
    decimals: int | None = None
    empty: str = ""
    repeat: str = ""
    stacked: bool = False
    graph: bool = False
    named: bool = False
    columns: tuple[Column, ...] = ()

    @property
    def now(self) -> bool:
        """Whether it shows values at the end of the time shown; else their course."""
        return all(query.now for query in self.queries)

    @property
    def key(self) -> str:
        """The label by which a table's queries are joined, one line per value; "": a line per series of its query."""
        return "" if all(column.label for column in self.columns) else self.columns[0].label


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A titled group of panels, placed from left to right; a full line begins the next."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A choice at the top of the page, filled by ``query``. ``many``: several at once, all to begin with."""

    name: str
    label: str
    query: str
    description: str
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A mark on every time axis wherever ``expr`` has a value, or at the Unix time in milliseconds that its value is
    (``dated``). ``title`` may use its labels.
    """

    name: str
    expr: str
    title: str
    colour: str
    dated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One page. ``uid`` is its address and never changes; the file is named after it."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    annotations: tuple[Annotation, ...]
    rows: tuple[Row, ...]
