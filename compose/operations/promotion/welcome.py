"""What PgBouncer says to new clients of a pool, after the node that it leads to has changed its role.

PgBouncer remembers what the first server connection of a pool reported at login, in_hot_standby among it, and says it
to every new client until the pool leads elsewhere (or RECONNECT). Clients with target_session_attrs believe it: a pool
that goes on leading to the same node would send writers to a standby, and readers to the primary.
"""

from cluster import pgbouncer
from cluster.naming import write_pools
from cluster.postgres.connection import connect
from cluster.postgres.failures import ConnectError
from compose.operations.pooler_consoles import console_access
from compose.stack import Stack


def stale_pools(stack: Stack, node: str) -> list[str]:
    """Pools that lead to ``node`` as they did before it changed its role; those that write have moved."""
    moved = {pool for each in stack.settings.declared.databases for pool in write_pools(each.name)}
    return [pool for pool, hosts in stack.pools.items() if node in hosts and pool not in moved]


def renew_welcome(stack: Stack, node: str) -> None:
    """Let PgBouncer ask ``node`` anew; one that does not run has nothing to forget."""
    try:
        with connect(console_access(stack), console=True) as console:
            pgbouncer.renew(console, stale_pools(stack, node))
    except ConnectError:
        return
