"""What a dashboard is, in our own words. ``grafana/classic.py`` says the same in Grafana's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
class Panel:
    """One panel: what it asks, what it means, how it looks.

    ``unit`` is one of Grafana's unit ids; ``width`` is in 24ths of the page, ``height`` in grid rows of 30 pixels.
    ``base`` is the colour below the first threshold. ``repeat`` names a variable: one such panel for each value.
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
    style: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    transformations: tuple[Json, ...] = ()
    overrides: tuple[Json, ...] = ()


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
