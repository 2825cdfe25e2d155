"""Which rows of a node and of the stack have series of their own: bounds for everything that data can multiply."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exporters.declarations import Row
from exporters.metrics import postgres
from exporters.metrics.cardinality import OTHER, Rows, Summary, TopN

MOST_DATABASES = 200
"""As many as PODS_METRICS_DATABASES may ask for."""
SESSIONS, SLOTS, STANDBYS, STATEMENTS = 200, 70, 70, 20
FIRST = float("inf")
"""The weight of what is always shown."""
_ALWAYS, _OLDEST, _DECLARED = range(3)
"""Who is shown before whom, whatever their size. The oldest have names, for alerts on ages."""
_AGES = ("xid_age", "mxid_age")
_BY_DATABASE = {
    "metrics_databases": (),
    "metrics_sizes": (),
    "metrics_locks": ("mode",),
    "metrics_activity": ("state", "usename", "application_name"),
}
"""Sources with a row for each database, and by what else their rows differ."""


@dataclass(slots=True)
class Shown:
    """What was chosen of each kind, and how many were not."""

    choices: dict[str, TopN] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    def choose(
        self, what: str, weights: Mapping[Hashable, float], most: int, ahead: Mapping[Hashable, int] | None = None
    ) -> frozenset[Hashable]:
        """Who is shown; see TopN."""
        chosen = self.choices.setdefault(what, TopN()).choose(weights, most, ahead or {})
        self.missing[what] = len(weights) - len(chosen)
        return chosen

    def cut(
        self, what: str, rows: Iterable[Row], labels: Sequence[str], weights: Sequence[float], most: int
    ) -> list[Row]:
        """The rows that are shown; the others are counted."""
        keyed = [(tuple(str(row.get(label)) for label in labels), row) for row in rows]
        by_key: dict[Hashable, float] = {}
        for (key, _), weight in zip(keyed, weights, strict=True):
            by_key[key] = max(weight, by_key.get(key, 0.0))
        chosen = self.choose(what, by_key, most)
        return [row for key, row in keyed if key in chosen]

    def rows(self) -> list[Row]:
        """How many are not shown, of each kind."""
        return [{"what": what, "not_shown": count} for what, count in self.missing.items()]


@dataclass(slots=True)
class NodeSeries:
    """The rows of one node, scrape after scrape."""

    shown: Shown = field(default_factory=Shown)
    summaries: dict[str, Summary] = field(default_factory=dict)
    _statements: tuple[Sequence[Row], list[Row]] = field(default=((), []))

    def bounded(
        self, rows: Rows, most: int, first: Iterable[str] = (), declared: Iterable[str] = ()
    ) -> dict[str, Sequence[Row]]:
        """``rows`` without more than there may be.

        ``first`` are databases and standbys that are always shown; ``declared`` databases come before others.
        """
        if not rows:
            return {}
        always = frozenset(first)
        ahead: dict[Hashable, int] = dict.fromkeys(declared, _DECLARED)
        ahead |= dict.fromkeys(self._oldest(rows), _OLDEST) | dict.fromkeys(always | _invalid(rows), _ALWAYS)
        found = dict(rows) | self._databases(rows, most, ahead)
        if "metrics_activity" in found:
            found["metrics_activity"] = self._sessions(found["metrics_activity"])
        if "metrics_statements" in found:
            found["metrics_statements"] = self._most_expensive(found["metrics_statements"])
        for source, label, most_of_it in (("slots", "slot_name", SLOTS), ("standbys", "standby", STANDBYS)):
            if source in found:
                weights = [_urgency(row, str(row[label]), always) for row in found[source]]
                found[source] = self.shown.cut(source, found[source], (label,), weights, most_of_it)
        return found | {"not_shown": self.shown.rows()}

    def _oldest(self, rows: Rows) -> set[Hashable]:
        """The database nearest to wraparound, by each age; of equals who is shown already."""
        known, shown = rows.get("metrics_databases", ()), self.shown.choices.get("databases", TopN()).shown
        return {
            max(known, key=lambda row: (row[age] or 0, row["datname"] in shown, str(row["datname"])))["datname"]
            for age in _AGES
            if known
        }

    def _databases(self, rows: Rows, most: int, ahead: Mapping[Hashable, int]) -> dict[str, Sequence[Row]]:
        """The largest, whichever of the queries name them."""
        weights: dict[Hashable, float] = {
            row["datname"]: 0.0 for source in _BY_DATABASE for row in rows.get(source, ()) if row["datname"] is not None
        }
        weights |= {row["datname"]: float(row["size_bytes"] or 0) for row in rows.get("metrics_sizes", ())}
        chosen = self.shown.choose("databases", weights, most, ahead)
        rest = {"datname": OTHER, "datid": "0"}
        return {
            source: self._summary(source).rows(rows[source], lambda row: row["datname"] in chosen, rest, groups)
            for source, groups in _BY_DATABASE.items()
            if source in rows
        }

    def _sessions(self, rows: Sequence[Row]) -> list[Row]:
        """By user and program as far as there is room; beyond that by database and state alone."""
        busy: dict[Hashable, float] = {_session(row): float(row["count"]) for row in rows if row["count"]}
        chosen = self.shown.choose("sessions", busy, SESSIONS)
        rest = {"usename": OTHER, "application_name": OTHER}
        own = Summary(postgres.FAMILIES, "metrics_activity")
        return own.rows(rows, lambda row: not row["count"] or _session(row) in chosen, rest, ("datname", "state"))

    def _most_expensive(self, rows: Sequence[Row]) -> list[Row]:
        """Statements by the time they took so far; thousands of rows serve for several scrapes, and once is enough."""
        read, made = self._statements
        if rows is read:
            return made
        chosen = self.shown.choose(
            "statements", {_statement(row): float(row["seconds"] or 0) for row in rows}, STATEMENTS
        )
        rest = {"datname": OTHER, "queryid": OTHER}
        made = self._summary("metrics_statements").rows(rows, lambda row: _statement(row) in chosen, rest, ())
        self._statements = rows, made
        return made

    def _summary(self, source: str) -> Summary:
        return self.summaries.setdefault(source, Summary(postgres.FAMILIES, source))


def _invalid(rows: Rows) -> frozenset[str]:
    """Databases that were left half dropped."""
    known = rows.get("metrics_databases", ())
    return frozenset(row["datname"] for row in known if row["connection_limit"] == postgres.INVALID)


def _session(row: Row) -> Hashable:
    return row["datname"], row["state"], row["usename"], row["application_name"]


def _statement(row: Row) -> Hashable:
    return row["datname"], row["queryid"]


def _urgency(row: Row, name: str, always: frozenset[str]) -> float:
    """Slots and standbys that hold most back come first, after those of the cluster itself."""
    if name.removesuffix("_slot") in always:
        return FIRST
    return float(row.get("invalidated") or 0) * 1e18 + float(
        row.get("retained_bytes") or row.get("replay_lag_bytes") or 0
    )
