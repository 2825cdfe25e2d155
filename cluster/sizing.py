"""Settings derived from the host: memory, free disk and how many nodes share them. Pure.

Rules of thumb and where they come from: shared_buffers a quarter of a node's memory, effective_cache_size three
quarters (PostgreSQL documentation, "Resource Consumption"); the nodes of one host share three quarters of its memory.
"""

from dataclasses import dataclass
from math import ceil

from cluster.config.settings import KEPT_FREE, Settings
from cluster.errors import UsageError

MB = 1 << 20
GB = 1 << 30
RESERVED_CONNECTIONS = 5
_POOLS_AT_A_NODE = 3
"""Pools of one database that lead to one node at most: to the primary two, and that of all readers if there is none."""
_DIRECT = 0.25
"""Share of the remaining connections left to clients that come without PgBouncer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What the derived settings were derived from, at the first `up`: bytes of memory, bytes of free disk, nodes."""

    memory: int
    disk: int
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """Sizes in bytes, counts in connections."""

    shared_buffers: int
    effective_cache_size: int
    work_mem: int
    maintenance_work_mem: int
    max_wal_size: int
    wal_budget: int
    shm_size: int
    pool_size: int
    """Of the application's own database; those of others: pool_sizes."""


def derive(settings: Settings, sizing: Sizing) -> Derived:
    """Fill in what the user left at ``auto``."""
    share = int(sizing.memory * 0.75) // max(1, sizing.nodes)
    shared_buffers = settings.shared_buffers or _clamp(share // 4, 64 * MB, 16 * GB)
    return Derived(
        shared_buffers=shared_buffers,
        effective_cache_size=max(shared_buffers, _clamp(share * 3 // 4, 128 * MB, 256 * GB)),
        work_mem=settings.work_mem or _clamp(share // (settings.max_connections * 4), 4 * MB, 64 * MB),
        maintenance_work_mem=settings.maintenance_work_mem or _clamp(share // 16, 64 * MB, 2 * GB),
        max_wal_size=settings.max_wal_size or _clamp(sizing.disk // 40, 256 * MB, 16 * GB),
        wal_budget=settings.wal_budget or _clamp(sizing.disk // 5, 512 * MB, 64 * GB),
        shm_size=_clamp(share // 4, 256 * MB, 8 * GB),
        pool_size=pool_sizes(settings)[settings.database],
    )


def pool_size(max_connections: int) -> int:
    """Server connections of one pool: at most three lead to one node, and direct clients keep their share."""
    return max(4, _pooled(max_connections) // _POOLS_AT_A_NODE)


def pool_sizes(settings: Settings) -> dict[str, int]:
    """Server connections of each pool of each declared database, by database: all together stay below max_connections.

    Raises:
        UsageError: they cannot; says how many connections it would take.
    """
    declared = settings.declared.databases
    tests = connections_for_tests(settings)
    if len(declared) == 1 and declared[0].pool_size is None and not tests:
        return {declared[0].name: settings.pool_size or pool_size(settings.max_connections)}
    fixed = {each.name: each.pool_size or settings.pool_size for each in declared}
    shared = [name for name, size in fixed.items() if size is None]
    taken = _POOLS_AT_A_NODE * sum(size or 0 for size in fixed.values()) + tests
    room = _pooled(settings.max_connections) if shared else settings.max_connections - KEPT_FREE
    each = (room - taken) // (_POOLS_AT_A_NODE * len(shared)) if shared else 0
    if taken > room or (shared and each < 1):
        raise _no_room(settings, taken, len(shared))
    return {name: size or min(each, pool_size(settings.max_connections)) for name, size in fixed.items()}


def connections_for_tests(settings: Settings) -> int:
    """Server connections to all databases together that roles make by themselves; none where no role may."""
    return max(5, settings.max_connections // 10) if settings.declared.creators else 0


def _pooled(max_connections: int) -> int:
    return int((max_connections - KEPT_FREE) * (1 - _DIRECT))


def _no_room(settings: Settings, taken: int, shared: int) -> UsageError:
    share = 1 - _DIRECT if shared else 1
    needed = ceil((taken + _POOLS_AT_A_NODE * shared) / share) + KEPT_FREE
    count, limit = len(settings.declared.databases), settings.max_connections
    return UsageError(
        f"{count} database{'s have' if count > 1 else ' has'} more pools than PODS_MAX_CONNECTIONS={limit} allows",
        f"set PODS_MAX_CONNECTIONS={needed} in .env, or lower the pool_size of some",
    )


def _clamp(value: int, low: int, high: int) -> int:
    """Between ``low`` and ``high``, in whole MB."""
    return max(low, min(value, high)) // MB * MB
