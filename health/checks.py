"""Patroni's health checks for load balancers: which nodes pass. Pure.

Source of names and codes: Patroni documentation, "Patroni REST API", health check endpoints. Where Patroni asks for its
leader lock, PODS asks its topology: the primary is the one node that shall take writes and does.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cluster.pools import readers
from cluster.units import parse_size
from cluster.view import View

Mode = Literal["apply", "write"]
_LAG = re.compile(r"[0-9]{1,15}(B|kB|MB|GB|TB)?\Z")
_STATE = re.compile(r"[a-z ]{1,30}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """What a check needs to know of one node. Lags in bytes, None where unknown.

    ``primary`` and ``replica`` are what it is *and* shall be: both are false of a node that does not answer. A replica
    that is no member yet, or no longer, or has a pool of its own alone, no balancer shall use: ``replica`` is false.
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


@dataclass(frozen=True, slots=True)
class PassingNodes:
    """The nodes that pass a check."""

    nodes: tuple[str, ...]


def check_state(view: View, name: str) -> CheckState:
    """What the checks of load balancers need to know of one node."""
    facts, standby = view.snapshot.nodes[name].facts, view.snapshot.standby(name)
    wanted, ours = view.topology.role(name), _ours(view, name)
    member = name in readers(view.topology)
    return CheckState(
        name=name,
        answers=facts is not None,
        primary=ours and wanted == "primary" and facts is not None and not facts.in_recovery,
        replica=ours and wanted == "replica" and member and facts is not None and facts.in_recovery,
        healthy=name not in view.verdict.about,
        receiver=(facts.receiver_status if facts else None) or "",
        sync=standby.sync_state if standby else None,
        lag=view.lag(name),
        write_lag=view.write_lag(name),
    )


def _ours(view: View, name: str) -> bool:
    """Whether a node serves this cluster's data, and not another's."""
    facts, known = view.snapshot.nodes[name].facts, view.topology.system_identifier
    return facts is not None and known in ("", facts.system_identifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """A check's query parameters: bytes of lag at most, which lag, the WAL receiver's state."""

    lag: int | None = None
    mode: Mode = "apply"
    replication_state: str | None = None

    def pass_replica(self, node: CheckState, default: int | None = None) -> bool:
        """Whether a replica passes; ``default`` is the lag allowed where the query names none."""
        allowed = default if self.lag is None else self.lag
        lag = node.lag if self.mode == "apply" else node.write_lag
        close = allowed is None or (lag is not None and lag <= allowed)
        return close and self.replication_state in (None, node.receiver)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Which nodes pass one check: the primary, the replicas of a kind, or both."""

    primary: bool = False
    replica: Callable[[CheckState], bool] = lambda node: False  # noqa: ARG005 - no replica passes
    limited: bool = False

    def passes(self, node: CheckState, filters: Filters, limit: int) -> bool:
        """Whether ``node`` passes. ``limit`` bytes of lag are what a ``limited`` check allows by default."""
        if self.primary and node.primary:
            return True
        return node.replica and self.replica(node) and filters.pass_replica(node, limit if self.limited else None)


def _any(node: CheckState) -> bool:
    return node.replica


def _streaming(node: CheckState) -> bool:
    return node.receiver == "streaming"


def _waited_for(node: CheckState) -> bool:
    return node.sync in ("sync", "quorum")


def _of_quorum(node: CheckState) -> bool:
    return node.sync == "quorum"


def _not_waited_for(node: CheckState) -> bool:
    return node.sync in ("async", "potential")


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "primary": Check(primary=True),
        "read-write": Check(primary=True),
        "leader": Check(primary=True),
        "replica": Check(replica=_any),
        "read-only": Check(primary=True, replica=_any),
        "synchronous": Check(replica=_waited_for),
        "sync": Check(replica=_waited_for),
        "quorum": Check(replica=_of_quorum),
        "asynchronous": Check(replica=_not_waited_for),
        "async": Check(replica=_not_waited_for),
        "read-only-sync": Check(primary=True, replica=_waited_for),
        "readiness": Check(primary=True, replica=_streaming, limited=True),
    }
)
"""By name. Of ``liveness`` see CheckState.answers: it depends on no role."""


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
