"""One node as its statistics views have it: its own state, and on the primary its standbys and slots."""

from dataclasses import dataclass, field
from typing import Any

from cluster.postgres.connection import Access, connect, fetch_all, fetch_one
from cluster.postgres.failures import ConnectError, Failure, translated
from cluster.postgres.lsn import Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """A standby as its upstream sees it. Lag in bytes; ``replay_lag`` in seconds, None when nothing moved lately."""

    node: str
    state: str
    sync_state: str
    lag_bytes: int | None
    replay_lag: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A physical replication slot. Sizes in bytes, age in seconds."""

    name: str
    active: bool
    wal_status: str | None
    safe_wal_size: int | None
    invalidation_reason: str | None
    inactive_seconds: float | None
    retained_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """One running server. Ages in seconds."""

    in_recovery: bool
    system_identifier: str
    timeline: int
    lsn: Lsn
    received_lsn: Lsn | None
    receiver_status: str | None
    receiver_silence: float | None
    io_method: str
    uptime: float
    pending_restart: tuple[str, ...]
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReading:
    """One node at one moment: facts, or in words and as a kind why there are none."""

    name: str
    facts: NodeFacts | None = None
    error: str = ""
    failure: Failure | None = None
    standbys: tuple[Standby, ...] = field(default=())
    slots: tuple[Slot, ...] = field(default=())


def read_node(name: str, access: Access) -> NodeReading:
    """Read one node; an unreachable one is a reading too."""
    try:
        with translated(), connect(access) as connection:
            facts = fetch_one(connection, "node", _facts)
            assert facts is not None
            standbys = fetch_all(connection, "standbys", Standby) if not facts.in_recovery else []
            slots = fetch_all(connection, "slots", Slot)
    except ConnectError as error:
        return NodeReading(name=name, error=error.message, failure=error.kind)
    return NodeReading(name=name, facts=facts, standbys=tuple(standbys), slots=tuple(slots))


def _facts(lsn: str | None, received_lsn: str | None, pending_restart: list[str] | None, **columns: Any) -> NodeFacts:
    return NodeFacts(
        lsn=Lsn.parse(lsn or "0/0"),
        received_lsn=Lsn.parse(received_lsn) if received_lsn else None,
        pending_restart=tuple(pending_restart or ()),
        **columns,
    )
