"""Pools as they are now, by database. Of hundreds a person wants those in trouble, then the busiest. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from cluster.naming import shared_read_pool
from cluster.pgbouncer import Pool
from cluster.pool_verdict import serves
from cluster.view import View

Seconds = Annotated[float, "seconds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """One pool of PgBouncer; its counts are None while PgBouncer does not answer, and so is whether it is healthy."""

    name: str
    database: str
    target: tuple[str, ...]
    healthy: bool | None = None
    clients: int | None = None
    waiting: int | None = None
    max_wait: Seconds | None = None
    servers_active: int | None = None
    servers_idle: int | None = None
    size: int | None = None
    paused: bool | None = None

    @property
    def servers(self) -> int | None:
        """Server connections, in use or idle."""
        return _sum((self.servers_active, self.servers_idle))

    @property
    def known(self) -> bool:
        """Whether PgBouncer answers."""
        return self.healthy is not None

    @property
    def troubled(self) -> bool:
        """Whether a person should see it: something is wrong with it, or somebody waits."""
        return self.healthy is False or bool(self.waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePools:
    """One database as its pools serve it; counts are those of all its pools, None while nothing is known."""

    name: str
    pools: tuple[PoolStatus, ...]

    @property
    def writes(self) -> tuple[str, ...]:
        """Where its first pool leads to, which takes writes."""
        return self.pools[0].target

    @property
    def reads(self) -> tuple[str, ...]:
        """Where its pool of all readers leads to."""
        shared = shared_read_pool(self.name)
        return next((pool.target for pool in self.pools if pool.name == shared), ())

    @property
    def known(self) -> bool:
        """Whether PgBouncer answers."""
        return all(pool.known for pool in self.pools)

    @property
    def troubled(self) -> bool:
        """Whether a person should see its pools one by one."""
        return any(pool.troubled for pool in self.pools)

    @property
    def clients(self) -> int | None:
        """Clients that are served."""
        return _sum(pool.clients for pool in self.pools)

    @property
    def waiting(self) -> int | None:
        """Clients that wait."""
        return _sum(pool.waiting for pool in self.pools)

    @property
    def servers(self) -> int | None:
        """Server connections, in use or idle."""
        return _sum(pool.servers for pool in self.pools)

    @property
    def size(self) -> int | None:
        """The most server connections of its pools together, for one role."""
        return _sum(pool.size for pool in self.pools)


Shown = TypeVar("Shown", PoolStatus, DatabasePools)


def pool_statuses(view: View) -> tuple[PoolStatus, ...]:
    """Every pool there shall be."""
    seen = {pool.name: pool for pool in view.snapshot.pooler.pools}
    silent = bool(view.snapshot.pooler.error)
    return tuple(
        _pool(view, seen[name])
        if name in seen
        else PoolStatus(name=name, database=database, target=view.pools[name], healthy=None if silent else False)
        for name, database in view.databases.items()
    )


def _pool(view: View, pool: Pool) -> PoolStatus:
    return PoolStatus(
        name=pool.name,
        database=view.databases[pool.name],
        target=pool.hosts,
        healthy=serves(pool, view.pools[pool.name], view.settings.health_wait),
        clients=pool.clients_active,
        waiting=pool.clients_waiting,
        max_wait=pool.max_wait,
        servers_active=pool.servers_active,
        servers_idle=pool.servers_idle,
        size=pool.size,
        paused=pool.paused or pool.disabled,
    )


def by_database(pools: Iterable[PoolStatus]) -> tuple[DatabasePools, ...]:
    """The pools of each database, in the order in which databases are declared."""
    found: dict[str, list[PoolStatus]] = {}
    for pool in pools:
        found.setdefault(pool.database, []).append(pool)
    return tuple(DatabasePools(name=name, pools=tuple(each)) for name, each in found.items())


def foremost(items: Sequence[Shown], most: int) -> tuple[Shown, ...]:
    """Those of ``items`` to show, in their order: all, or the troubled before the busiest, and of these the first."""
    if len(items) <= most:
        return tuple(items)
    ranked = sorted(range(len(items)), key=lambda n: (not items[n].troubled, n > 0, -(items[n].clients or 0), n))
    return tuple(items[number] for number in sorted(ranked[:most]))


def rest(items: Sequence[Shown], shown: Sequence[Shown]) -> str:
    """What there is beyond those shown, in words; "" where there is nothing."""
    more = len(items) - len(shown)
    ill = sum(item.troubled for item in items) - sum(item.troubled for item in shown)
    if more <= 0:
        return ""
    if not all(item.known for item in items):
        return f"and {more} more"
    return f"and {more} more, " + (f"{ill} of them not well" if ill else "all well")


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
