"""Settings derived from the host: memory, free disk and how many nodes share them. Pure.

Rules of thumb and where they come from: shared_buffers a quarter of a node's memory, effective_cache_size three
quarters (PostgreSQL documentation, "Resource Consumption"); the nodes of one host share three quarters of its memory.
"""

from dataclasses import dataclass

from cluster.config.settings import KEPT_FREE, Settings

MB = 1 << 20
GB = 1 << 30
RESERVED_CONNECTIONS = 5
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
        pool_size=settings.pool_size or pool_size(settings.max_connections),
    )


def pool_size(max_connections: int) -> int:
    """Server connections of one pool: at most three lead to one node, and direct clients keep their share."""
    return max(4, int((max_connections - KEPT_FREE) * (1 - _DIRECT)) // 3)


def _clamp(value: int, low: int, high: int) -> int:
    """Between ``low`` and ``high``, in whole MB."""
    return max(low, min(value, high)) // MB * MB
