"""The one place that maps a node to its slot, pool, service and port.

A node keeps the name it was born with; its role is what it is now. Nothing infers a role from a name.
"""

import re
from collections.abc import Collection, Iterator
from itertools import count

from cluster.errors import RefusedError

NODE_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
FIRST_PRIMARY = "primary"
RESERVED = frozenset(
    {
        FIRST_PRIMARY,
        "appdb",
        "archive",
        "pgbouncer",
        "haproxy",
        "psql",
        "exporter",
        "gate",
        "health",
        "prometheus",
        "alertmanager",
        "grafana",
        "cadvisor",
        "backup",
        "backups",
        "sandbox",
        "supervisor",
        "hosts",
        "hosts_source",
        "guide",
        "copies",
        "logs",
        "localhost",
        "master",
        "replication",
        "postgres",
        "template0",
        "template1",
    }
)
_NUMBERED = re.compile(r"replica([1-9][0-9]{0,4})\Z")
_SLOT_SUFFIX = "_slot"
ARCHIVE_SLOT = "archive_slot"
"""The slot through which the archive is streamed, on every node; no node's."""
HOSTS_SLOT = "hosts_slot"
"""The slot on the primary that holds WAL for a standby cluster on other Docker hosts; no node's."""


def check_node_name(name: str) -> str:
    """Return ``name`` if a replica, or a copy beside the cluster, may be called that.

    Raises:
        RefusedError: it is malformed, too long or reserved.
    """
    if not NODE_NAME.match(name):
        raise RefusedError(
            f"{name!r} cannot name a node",
            "use a lower-case letter, then at most 30 of a-z, 0-9 and _",
        )
    if name in RESERVED:
        raise RefusedError(f"{name!r} is reserved and cannot name a node", "choose another name")
    return name


def slot_of(node: str) -> str:
    """Name of the physical replication slot of ``node`` (``replica4`` → ``replica4_slot``)."""
    return node + _SLOT_SUFFIX


def node_of_slot(slot: str) -> str | None:
    """The node a slot belongs to, or None if the slot is not one of ours."""
    node = slot.removesuffix(_SLOT_SUFFIX)
    return node if node != slot and slot not in (ARCHIVE_SLOT, HOSTS_SLOT) and NODE_NAME.match(node) else None


def is_numbered(node: str) -> bool:
    """Whether PODS chose the name itself (``replica4``)."""
    return _NUMBERED.match(node) is not None


def read_pool_of(node: str, database: str) -> str:
    """PgBouncer pool that reads from one node (``replica4`` → ``appdb_read4``, ``blue`` → ``appdb_read_blue``)."""
    numbered = _NUMBERED.match(node)
    return f"{database}_read{numbered[1]}" if numbered else f"{database}_read_{node}"


def write_pools(database: str) -> tuple[str, str]:
    """The pools that lead to the primary."""
    return database, f"{database}_write"


def shared_read_pool(database: str) -> str:
    """The pool that spreads over all replicas."""
    return f"{database}_read"


def next_replica_name(taken: Collection[str]) -> str:
    """Lowest free ``replicaN``."""
    return next(name for n in count(1) if (name := f"replica{n}") not in taken)


def node_ports(first: int, reserved: Collection[int]) -> Iterator[int]:
    """Host ports for nodes in order of their ordinal: up from ``first``, stepping over ``reserved``."""
    return (port for port in range(first, 65536) if port not in reserved)
