"""PgBouncer's pools, as its console lists them."""

from dataclasses import dataclass

from cluster.pgbouncer import Pool, read_pools
from cluster.postgres.connection import Access, connect
from cluster.postgres.failures import ConnectError, translated


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolsReading:
    """All pools at one moment, or why there are none."""

    pools: tuple[Pool, ...] = ()
    error: str = ""


def read_pooler(access: Access) -> PoolsReading:
    """Read PgBouncer's console; an unreachable one is a reading too."""
    try:
        with translated(), connect(access, console=True) as console:
            return PoolsReading(pools=read_pools(console))
    except ConnectError as error:
        return PoolsReading(error=error.message)
