"""Settings and topology as they are mounted, but for the primary where Patroni decides: that is who takes writes now.

The mounted topology has who was the primary when `inv` came last. After a failover that may be a host that is gone, or
a standby that is late, and nobody runs `inv` at night: the archive would have a hole by the morning.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, replace

from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.errors import PodsError
from cluster.postgres.connection import connect, fetch_one

ROLE, SECRET = "archiver", "archive"
_READ_EVERY = 2.0


@dataclass(slots=True)
class LeaderConfig(MountedConfig):
    """Asks the one that it knows first, and the others where that does not answer or is a standby."""

    _leader: str = ""
    _read_at: float = float("-inf")

    def read(self) -> ClusterConfig:
        """The cluster as its files say now, with the primary that there is; the last one known while there is none.

        Raises:
            PodsError: the files are missing or broken; says which.
        """
        inside = MountedConfig.read(self)
        if inside.topology.engine != "patroni":
            return inside
        now = time.monotonic()
        if self._leader not in inside.topology.names or now - self._read_at >= _READ_EVERY:
            self._leader, self._read_at = _leader_of(inside, self._leader), time.monotonic()
        return replace(inside, topology=replace(inside.topology, primary=self._leader))


def _leader_of(inside: ClusterConfig, known: str) -> str:
    names = inside.topology.names
    first = known if known in names else inside.topology.primary
    others = sorted(names, key=lambda name: (name != first, name != inside.topology.primary))
    return next((name for name in others if _takes_writes(inside, name)), first)


def _takes_writes(inside: ClusterConfig, name: str) -> bool:
    with suppress(PodsError), connect(inside.node(name, ROLE, SECRET)) as connection:
        return fetch_one(connection, "in_recovery", lambda in_recovery: bool(in_recovery)) is False
    return False
