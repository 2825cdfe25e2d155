"""Which rows of a node and of the stack have series of their own: bounds for everything that data can multiply."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exporters.declarations import Row
from exporters.metrics import pgbouncer, postgres
from exporters.metrics.cardinality import OTHER, Rows, Summary, TopN

MOST_DATABASES = 200
"""As many as PODS_METRICS_DATABASES may ask for."""
SESSIONS, SLOTS, STANDBYS = 200, 70, 70
POOL_USERS, CONTAINERS, INTERFACES, DISKS = 200, 150, 300, 100
FIRST = float("inf")
"""The weight of what is always shown."""
_BY_DATABASE = {
    "metrics_databases": (),
    "metrics_sizes": (),
    "metrics_locks": ("mode",),
    "metrics_activity": ("state", "usename", "application_name"),
}
"""Sources with a row for each database, and by what else their rows differ."""


@dataclass(slots=True)
class _Shown:
    """What was chosen of each kind, and how many were not."""

    choices: dict[str, TopN] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    def choose(self, what: str, weights: Mapping[Hashable, float], most: int) -> frozenset[Hashable]:
        chosen = self.choices.setdefault(what, TopN()).choose(weights, most)
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
        return [{"what": what, "not_shown": count} for what, count in self.missing.items()]


@dataclass(slots=True)
class NodeSeries:
    """The rows of one node, scrape after scrape."""

    shown: _Shown = field(default_factory=_Shown)
    summaries: dict[str, Summary] = field(default_factory=dict)

    def bounded(self, rows: Rows, most: int, first: Iterable[str] = ()) -> dict[str, Sequence[Row]]:
        """``rows`` without more than there may be; ``first`` are databases and standbys that are always shown."""
        if not rows:
            return {}
        always = frozenset(first)
        found = dict(rows) | self._databases(rows, most, always)
        if "metrics_activity" in found:
            found["metrics_activity"] = self._sessions(found["metrics_activity"])
        for source, label, most_of_it in (("slots", "slot_name", SLOTS), ("standbys", "standby", STANDBYS)):
            if source in found:
                weights = [_urgency(row, str(row[label]), always) for row in found[source]]
                found[source] = self.shown.cut(source, found[source], (label,), weights, most_of_it)
        return found | {"not_shown": self.shown.rows()}

    def _databases(self, rows: Rows, most: int, always: frozenset[str]) -> dict[str, Sequence[Row]]:
        """The largest, whichever of the queries name them."""
        weights: dict[Hashable, float] = {
            row["datname"]: 0.0 for source in _BY_DATABASE for row in rows.get(source, ()) if row["datname"] is not None
        }
        weights |= {row["datname"]: float(row["size_bytes"] or 0) for row in rows.get("metrics_sizes", ())}
        invalid = {r["datname"] for r in rows.get("metrics_databases", ()) if r["connection_limit"] == postgres.INVALID}
        weights |= dict.fromkeys((always | invalid) & weights.keys(), FIRST)
        chosen = self.shown.choose("databases", weights, most)
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

    def _summary(self, source: str) -> Summary:
        return self.summaries.setdefault(source, Summary(postgres.FAMILIES, source))


def _session(row: Row) -> Hashable:
    return row["datname"], row["state"], row["usename"], row["application_name"]


def _urgency(row: Row, name: str, always: frozenset[str]) -> float:
    """Slots and standbys that hold most back come first, after those of the cluster itself."""
    if name.removesuffix("_slot") in always:
        return FIRST
    return float(row.get("invalidated") or 0) * 1e18 + float(
        row.get("retained_bytes") or row.get("replay_lag_bytes") or 0
    )


@dataclass(slots=True)
class StackSeries:
    """The rows of all that is no node, scrape after scrape."""

    shown: _Shown = field(default_factory=_Shown)

    def bounded(self, rows: Rows, user: str) -> dict[str, Sequence[Row]]:
        """``rows`` without more than there may be; ``user`` is the role of the cluster's own application."""
        found = dict(rows)
        found["pools"] = self._pools(rows.get("pools", ()), user)
        boxes = list(rows.get("containers", ()))
        weights = [float(row.get("memory_usage_bytes") or 0) for row in boxes]
        found["containers"] = self.shown.cut("containers", boxes, ("name",), weights, CONTAINERS)
        names = {row["name"] for row in found["containers"]}
        found["states"] = [row for row in rows.get("states", ()) if row["name"] in names]
        for what, source, labels, most in (
            ("interfaces", "networks", ("name", "interface"), INTERFACES),
            ("disks", "disks", ("mount",), DISKS),
        ):
            each = rows.get(source, ())
            found[source] = self.shown.cut(what, each, labels, [0.0] * len(each), most)
        return found | {"not_shown": self.shown.rows()}

    def _pools(self, rows: Sequence[Row], user: str) -> list[Row]:
        weights: dict[Hashable, float] = {_pool_user(row): _pool_weight(row, user) for row in rows}
        chosen = self.shown.choose("pool_users", weights, POOL_USERS)
        own = Summary(pgbouncer.FAMILIES, "pools")
        return own.rows(rows, lambda row: _pool_user(row) in chosen, {"user": OTHER}, ("database",))


def _pool_user(row: Row) -> Hashable:
    return row["database"], row["user"]


def _pool_weight(row: Row, user: str) -> float:
    if row["user"] == user:
        return FIRST
    return sum(float(value or 0) for column, value in row.items() if column.endswith("_connections"))
