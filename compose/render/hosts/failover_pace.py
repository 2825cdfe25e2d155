"""How soon another node takes over (PODS_FAILOVER_PACE): Patroni's times and etcd's, which belong together. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds: for how long a lease lasts, between two runs of the agent, for which the store is tried again.

    ``ttl`` is at least ``loop_wait`` and twice ``retry_timeout``, and some seconds more: with failsafe the agent asks
    all others before it gives up.

    ``election``: milliseconds of silence, or twice as many, after which votes elect another leader of etcd; a primary's
    lease begins anew then. A disk that keeps etcd's leader waiting for longer makes it change hands.
    """

    ttl: int
    loop_wait: int
    retry_timeout: int
    primary_start_timeout: int
    election: int

    @property
    def heartbeat(self) -> int:
        """Milliseconds between two signs of life of etcd's leader: ten of them may be missed."""
        return self.election // 10

    @property
    def guard(self) -> int:
        """After how long a silence a primary is ended.

        When the agent fell silent its lease was up to ``loop_wait`` old, so that it ends that much sooner; and the
        guard looks once a second.
        """
        return self.ttl - self.loop_wait - 2


PACES: Mapping[str, Pace] = MappingProxyType(
    {
        "fast": Pace(ttl=20, loop_wait=5, retry_timeout=5, primary_start_timeout=15, election=2000),
        "norm": Pace(ttl=30, loop_wait=5, retry_timeout=10, primary_start_timeout=60, election=5000),
        "wide": Pace(ttl=60, loop_wait=10, retry_timeout=20, primary_start_timeout=120, election=5000),
    }
)
"""By the setting's values."""
