"""Patroni's words for load balancers: which node a check lets through. Pure.

Source of words and codes: Patroni documentation, "Patroni REST API", health check endpoints. Where Patroni asks for its
leader lock, PODS asks its topology: the primary is the one node that shall take writes and does.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cluster.units import parse_size

Mode = Literal["apply", "write"]
_LAG = re.compile(r"[0-9]{1,15}(B|kB|MB|GB|TB)?\Z")
_STATE = re.compile(r"[a-z ]{1,30}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a check needs to know of one node. Lags in bytes, None where unknown.

    ``primary`` and ``replica`` are what it is *and* shall be: both are false of a node that does not answer. A replica
    that is no member yet, or no longer, is one that no balancer shall use: ``replica`` is false.
    """

    name: str
    answers: bool
    primary: bool
    replica: bool
    healthy: bool
    receiver: str
    sync: str | None
    lag: int | None
    write_lag: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a check's query asks beyond its word: bytes of lag at most, which lag, the receiver's state."""

    lag: int | None = None
    mode: Mode = "apply"
    replication_state: str | None = None

    def let(self, node: Standing, default: int | None = None) -> bool:
        """Whether a replica passes; ``default`` is the lag allowed where the query names none."""
        allowed = default if self.lag is None else self.lag
        lag = node.lag if self.mode == "apply" else node.write_lag
        close = allowed is None or (lag is not None and lag <= allowed)
        return close and self.replication_state in (None, node.receiver)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Whom one word lets through: the primary, the replicas of a kind, or both."""

    primary: bool = False
    replica: Callable[[Standing], bool] = lambda node: False  # noqa: ARG005 - lets no replica through
    limited: bool = False

    def lets(self, node: Standing, filters: Filters, limit: int) -> bool:
        """Whether ``node`` passes. ``limit`` bytes of lag are what a ``limited`` word allows by default."""
        if self.primary and node.primary:
            return True
        return node.replica and self.replica(node) and filters.let(node, limit if self.limited else None)


def _any(node: Standing) -> bool:
    return node.replica


def _streaming(node: Standing) -> bool:
    return node.receiver == "streaming"


def _waited_for(node: Standing) -> bool:
    return node.sync in ("sync", "quorum")


def _of_quorum(node: Standing) -> bool:
    return node.sync == "quorum"


def _not_waited_for(node: Standing) -> bool:
    return node.sync in ("async", "potential")


WORDS: Mapping[str, Word] = MappingProxyType(
    {
        "primary": Word(primary=True),
        "read-write": Word(primary=True),
        "leader": Word(primary=True),
        "replica": Word(replica=_any),
        "read-only": Word(primary=True, replica=_any),
        "synchronous": Word(replica=_waited_for),
        "sync": Word(replica=_waited_for),
        "quorum": Word(replica=_of_quorum),
        "asynchronous": Word(replica=_not_waited_for),
        "async": Word(replica=_not_waited_for),
        "read-only-sync": Word(primary=True, replica=_waited_for),
        "readiness": Word(primary=True, replica=_streaming, limited=True),
    }
)
"""Every word. Of ``liveness`` see Standing.answers: it asks for no role."""


def parse_filters(query: Mapping[str, str]) -> Filters:
    """Read a check's query.

    Raises:
        ValueError: a parameter is unknown or its value malformed; says which.
    """
    for name in query.keys() - {"lag", "mode", "replication_state"}:
        raise ValueError(f"there is no parameter {name[:40]!r}; there are lag, mode and replication_state")
    lag, mode, state = query.get("lag"), query.get("mode", "apply"), query.get("replication_state")
    if lag is not None and not _LAG.match(lag):
        raise ValueError("lag is a number of bytes, or one with B, kB, MB, GB or TB, such as 10MB")
    if mode not in ("apply", "write"):
        raise ValueError("mode is apply or write")
    if state is not None and not _STATE.match(state):
        raise ValueError("replication_state is a word of PostgreSQL's, such as streaming")
    return Filters(
        lag=None if lag is None else parse_size(lag),
        mode="apply" if mode == "apply" else "write",
        replication_state=state,
    )
