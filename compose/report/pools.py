"""Pools on a terminal: each by itself where there is one database, else a line for each database; never many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cluster.pool_status import DatabasePools, PoolStatus, by_database, foremost, rest

Cell = str | int | float | None
"""Of a table; None is shown as a dash."""
MOST_DATABASES, MOST_POOLS = 12, 10
"""Lines of each table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTable:
    """One table, and what is said below it."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    below: str = ""


def pool_tables(pools: Sequence[PoolStatus]) -> Iterator[PoolTable]:
    """What there is to see of the pools; of several databases the pools in trouble beside their lines."""
    databases = by_database(pools)
    if len(databases) == 1:
        yield _of_pools(pools)
        return
    shown = foremost(databases, MOST_DATABASES)
    head = ("database", "writes to", "reads from", "pools", "clients", "waiting", "servers")
    yield PoolTable(head=head, rows=tuple(_database_cells(each) for each in shown), below=rest(databases, shown))
    troubled = [pool for pool in pools if pool.troubled]
    if troubled:
        yield _of_pools(troubled)


def _of_pools(pools: Sequence[PoolStatus]) -> PoolTable:
    shown = foremost(pools, MOST_POOLS) if len({pool.database for pool in pools}) > 1 else pools
    head = ("pool", "leads to", "clients", "waiting", "servers", "size")
    return PoolTable(head=head, rows=tuple(_pool_cells(pool) for pool in shown), below=rest(pools, shown))


def _database_cells(each: DatabasePools) -> tuple[Cell, ...]:
    writes, reads = ", ".join(each.writes), ", ".join(each.reads)
    return each.name, writes, reads, len(each.pools), each.clients, each.waiting, each.servers


def _pool_cells(pool: PoolStatus) -> tuple[Cell, ...]:
    return pool.name, ", ".join(pool.target), pool.clients, pool.waiting, pool.servers, pool.size
