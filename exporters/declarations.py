"""Declarations of metrics: source query, name, labels, type and help text.

A reading is rows of columns; a family says which columns are labels and which are values. The exposition, the metrics
reference in docs/ and the tests are made from these declarations, so that none of them can say anything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Kind = Literal["gauge", "counter", "unknown"]
"""``unknown`` is for upstream's counters whose names lack the suffix that the format wants of counters."""
Rest = Literal["sum", "max", "min", "none"]
"""What one series for many says: their sum (of counters, what it grew by), the greatest, the least, or nothing."""
_OF_THE_REST: Mapping[Rest, str] = MappingProxyType(
    {"sum": "the sum of the rest", "max": "the greatest of the rest", "min": "the least of the rest", "none": "never"}
)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: ``column`` ends the name and holds the value, unless another column does."""

    column: str
    kind: Kind
    help: str
    value: str = ""
    rest: Rest = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Metrics of one source with the same labels. A row without one of its labels, or a NULL value, gives no sample.

    Of a family with a ``rest`` not every row has series of its own: see `cardinality.py`.
    """

    source: str
    prefix: str = ""
    labels: tuple[str, ...] = ()
    metrics: tuple[Metric, ...]
    rest: bool = False

    def name_of(self, metric: Metric) -> str:
        """Full name of one of its metrics."""
        return self.prefix + metric.column

    def help_of(self, metric: Metric) -> str:
        """What one of its metrics says, also where it stands for many."""
        if not self.rest:
            return metric.help
        grown = metric.kind != "gauge" and metric.rest == "sum"
        return f"{metric.help} `other`: {'what the rest grew by' if grown else _OF_THE_REST[metric.rest]}."


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSource:
    """One query, and the collector whose success it decides. ``every``: seconds for which an answer serves.

    ``extension``: it needs a preloaded extension, without which there is nothing to read, and nothing has failed.
    """

    name: str
    collector: str
    every: float = 0.0
    extension: bool = False


def gauge(column: str, text: str, value: str = "", rest: Rest = "sum") -> Metric:
    """A value that goes up and down."""
    return Metric(column, "gauge", text, value, rest)


def counter(column: str, text: str, value: str = "", rest: Rest = "sum") -> Metric:
    """A value that only grows; its name ends in _total."""
    return Metric(column, "counter", text, value, rest)


def unknown(column: str, text: str, value: str = "", rest: Rest = "sum") -> Metric:
    """A counter that upstream named without _total."""
    return Metric(column, "unknown", text, value, rest)
