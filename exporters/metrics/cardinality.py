"""How many series there may be, whatever the data: the weightiest have their own, the rest is added up as ``other``.

Owners of databases decide how many databases, roles, sessions and slots there are. None of that may cost the scrape its
place below Prometheus' ``sample_limit``, beyond which it drops the whole page and every alert is blind.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from exporters.declarations import Family, Row, gauge

OTHER = "other"
"""What the rest is called. Something that is really called so belongs to the rest where there is one."""
_STAYS = 2.0
"""Whoever is shown gives way only to something so many times as heavy: series do not come and go with every scrape."""
NOT_SHOWN = Family(
    source="not_shown",
    prefix="pods_scrape_",
    labels=("what",),
    metrics=(gauge("not_shown", "How many have no series of their own: part of `other`, or left out."),),
)
Key = TypeVar("Key", bound=Hashable)
_NOBODY: Mapping[Hashable, int] = MappingProxyType({})
Rows = Mapping[str, Sequence[Row]]


@dataclass(slots=True)
class TopN:
    """Which of many have series of their own, and who had before."""

    shown: frozenset[Hashable] = frozenset()

    def choose(
        self, weights: Mapping[Key, float], most: int, ahead: Mapping[Hashable, int] = _NOBODY
    ) -> frozenset[Key]:
        """At most ``most`` of the keys: all of them where they are so few.

        Those of ``ahead`` come before all others, the lowest number first, whatever they weigh.
        """
        if not weights:
            return frozenset()  # nothing could be read; who was shown is remembered
        if len(weights) <= most:
            chosen = frozenset(weights)
        else:
            last = len(ahead) + max(ahead.values(), default=0)
            ranked = sorted(
                (key for key in weights if key != OTHER),
                key=lambda key: (ahead.get(key, last), *self._rank(key, weights[key])),
            )
            chosen = frozenset(ranked[:most])
        self.shown = chosen
        return chosen

    def _rank(self, key: Hashable, weight: float) -> tuple[float, bool, str]:
        stays = key in self.shown
        return -weight * (_STAYS if stays else 1.0), not stays, str(key)


@dataclass(slots=True)
class Remainder:
    """One row for many. Its counters only grow, whoever comes and goes: they count from when they were first seen."""

    counters: frozenset[str]
    maxima: frozenset[str]
    minima: frozenset[str]
    sums: frozenset[str]
    total: dict[str, float] = field(default_factory=dict)
    seen: dict[Hashable, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, families: Iterable[Family], source: str) -> "Remainder":
        """As the metrics of ``source`` are declared."""
        metrics = [metric for family in families if family.source == source for metric in family.metrics]

        def columns(wanted: Callable[[str, str], bool]) -> frozenset[str]:
            return frozenset(m.value or m.column for m in metrics if wanted(m.kind, m.rest))

        return cls(
            counters=columns(lambda kind, rest: kind != "gauge" and rest == "sum"),
            maxima=columns(lambda _, rest: rest == "max"),
            minima=columns(lambda _, rest: rest == "min"),
            sums=columns(lambda kind, rest: kind == "gauge" and rest == "sum"),
        )

    def fold(self, rows: Mapping[Hashable, Row]) -> dict[str, float]:
        """The values of the one row."""
        for key, row in rows.items():
            self._count(self.seen.get(key), row)
        self.seen = {key: _numbers(row, self.counters) for key, row in rows.items()}
        every = [_numbers(row, self.sums | self.maxima | self.minima) for row in rows.values()]
        folded = {column: sum(row.get(column, 0.0) for row in every) for column in self.sums}
        for columns, extreme in ((self.maxima, max), (self.minima, min)):
            folded |= {name: extreme((row[name] for row in every if name in row), default=0.0) for name in columns}
        return folded | {column: self.total.get(column, 0.0) for column in self.counters}

    def _count(self, before: Mapping[str, float] | None, row: Row) -> None:
        if before is None:
            return
        for column, value in _numbers(row, self.counters).items():
            was = before.get(column, 0.0)
            self.total[column] = self.total.get(column, 0.0) + (value - was if value >= was else value)


def _numbers(row: Row, columns: Iterable[str]) -> dict[str, float]:
    return {column: float(row[column]) for column in columns if row.get(column) is not None}


@dataclass(slots=True)
class Summary:
    """Rows of one source in which some of many have their own, and all others one for each group."""

    families: tuple[Family, ...]
    source: str
    remainders: dict[Hashable, Remainder] = field(default_factory=dict)

    def rows(self, rows: Iterable[Row], own: Callable[[Row], bool], rest: Row, groups: Sequence[str]) -> list[Row]:
        """Rows that are ``own``, and the others under the labels of ``rest``, one for each value of ``groups``."""
        kept: list[Row] = []
        folded: dict[tuple[str, ...], dict[Hashable, Row]] = {}
        for row in rows:
            if own(row):
                kept.append(row)
            else:
                found = folded.setdefault(tuple(str(row[group]) for group in groups), {})
                found[tuple(str(row.get(label)) for label in rest)] = row
        self.remainders = {group: known for group, known in self.remainders.items() if group in folded}
        for group, each in folded.items():
            remainder = self.remainders.setdefault(group, Remainder.of(self.families, self.source))
            kept.append({**dict(zip(groups, group, strict=True)), **rest, **remainder.fold(each)})
        return kept
