"""Which rows of PgBouncer, the containers and the disks have series of their own."""

from collections import Counter
from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from exporters.declarations import Family, Row, gauge
from exporters.metrics import pgbouncer
from exporters.metrics.cardinality import OTHER, Rows, Summary
from exporters.metrics.series import FIRST, Shown

MOST_POOLS = 250
"""Pools with series of their own: all pools of fifty databases with three nodes."""
POOL_USERS, CONTAINERS, INTERFACES, DISKS = 400, 150, 300, 100
TARGETS = Family(
    source="desired_pools",
    rest=True,
    prefix="pods_pool_",
    labels=("pool", "access", "node"),
    metrics=(
        gauge(
            "target",
            "1 if PgBouncer's pool leads to the node, as it should; 0 if it should and does not.",
            rest="min",
        ),
    ),
)
_FIRST, _IN_TROUBLE = range(2)
_NOTICED = 1.0
"""Seconds of waiting from which on a pool is named, so that an alert that comes of it says which it is."""
_NAMELESS = {"host": "", "port": "", "database": "", "force_user": "", "pool_mode": ""}
_REST: Mapping[str, tuple[Family, str, Row, tuple[str, ...]]] = {
    "pools": (pgbouncer.POOLS, "database", {"database": OTHER, "user": OTHER}, ()),
    "totals": (pgbouncer.TOTALS, "database", {"database": OTHER}, ()),
    "databases": (pgbouncer.DATABASES, "name", {"name": OTHER, **_NAMELESS}, ()),
    "desired_pools": (TARGETS, "pool", {"pool": OTHER}, ("access", "node")),
}
"""Sources with a row for each pool: which column names it, and the labels of the one row for the rest of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOwner:
    """The database that a pool leads to, and the role that it is for."""

    database: str
    user: str


PoolOwners = Mapping[str, PoolOwner]
"""By pool. One that is not there, as clients may make them, is a database by itself."""


@dataclass(slots=True)
class StackSeries:
    """The rows of all that is no node, scrape after scrape."""

    shown: Shown = field(default_factory=Shown)
    summaries: dict[str, Summary] = field(default_factory=dict)

    def bounded(self, rows: Rows, owners: PoolOwners, first: str, most: int) -> dict[str, Sequence[Row]]:
        """``rows`` without more than there may be: pools of at most ``most`` databases, and of ``first`` always."""
        found = dict(rows) | self._pools(rows, owners, first, most)
        found["pools"] = self._users(found.get("pools", ()), owners)
        boxes = list(rows.get("containers", ()))
        weights = [float(row.get("memory_usage_bytes") or 0) for row in boxes]
        found["containers"] = self.shown.cut("containers", boxes, ("name",), weights, CONTAINERS)
        names = {row["name"] for row in found["containers"]}
        found["states"] = [row for row in rows.get("states", ()) if row["name"] in names]
        for what, source, labels, limit in (
            ("interfaces", "networks", ("name", "interface"), INTERFACES),
            ("disks", "disks", ("mount",), DISKS),
        ):
            each = rows.get(source, ())
            found[source] = self.shown.cut(what, each, labels, [0.0] * len(each), limit)
        return found | {"not_shown": self.shown.rows()}

    def _pools(self, rows: Rows, owners: PoolOwners, first: str, most: int) -> dict[str, Sequence[Row]]:
        """The pools of the busiest databases; those that are in trouble have names before they are busy."""
        names = [str(row[pool]) for source, (_, pool, _, _) in _REST.items() for row in rows.get(source, ())]
        weights: dict[Hashable, float] = {_database(name, owners): 0.0 for name in names}
        for row in rows.get("totals", ()):
            weights[_database(row["database"], owners)] += float(row.get("queries_pooled_total") or 0)
        ahead: dict[Hashable, int] = dict.fromkeys(_in_trouble(rows, owners), _IN_TROUBLE) | {first: _FIRST}
        each = max(Counter(_database(name, owners) for name in set(names)).values(), default=1)
        chosen = self.shown.choose("databases", weights, min(most, max(1, MOST_POOLS // each)), ahead)
        found: dict[str, Sequence[Row]] = {}
        for source, (family, pool, rest, groups) in _REST.items():
            if source in rows:
                own = {row[pool] for row in rows[source] if _database(row[pool], owners) in chosen}
                found[source] = self._summary(source, family).rows(
                    rows[source], partial(_named, own, pool), rest, groups
                )
        return found

    def _users(self, rows: Sequence[Row], owners: PoolOwners) -> list[Row]:
        weights: dict[Hashable, float] = {_pool_user(row): _pool_weight(row, owners) for row in rows}
        chosen = self.shown.choose("pool_users", weights, POOL_USERS)
        rest = {"user": OTHER}
        own = self._summary("pool_users", pgbouncer.POOLS)
        return own.rows(rows, lambda row: _pool_user(row) in chosen, rest, ("database",))

    def _summary(self, source: str, family: Family) -> Summary:
        return self.summaries.setdefault(source, Summary((family,), family.source))


def _named(own: Container[str], column: str, row: Row) -> bool:
    return row[column] in own


def _database(pool: str, owners: PoolOwners) -> str:
    owner = owners.get(pool)
    return owner.database if owner else pool


def _in_trouble(rows: Rows, owners: PoolOwners) -> set[Hashable]:
    """Databases of pools whose clients wait, that are held, or lead elsewhere."""
    waiting = [row["database"] for row in rows.get("pools", ()) if (row.get("client_maxwait_seconds") or 0) >= _NOTICED]
    held = [
        row["name"] for row in rows.get("databases", ()) if float(row["paused"] or 0) or float(row["disabled"] or 0)
    ]
    astray = [row["pool"] for row in rows.get("desired_pools", ()) if not row["target"]]
    return {_database(pool, owners) for pool in (*waiting, *held, *astray)}


def _pool_user(row: Row) -> Hashable:
    return row["database"], row["user"]


def _pool_weight(row: Row, owners: PoolOwners) -> float:
    owner = owners.get(row["database"])
    if row["database"] == OTHER or (owner and row["user"] == owner.user):
        return FIRST
    return sum(float(value or 0) for column, value in row.items() if column.endswith("_connections"))
