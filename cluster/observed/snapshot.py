"""The whole cluster at one moment: the one truth behind `inv status`, the health verdict and the metrics."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from cluster.observed.nodes import NodeReading, Slot, Standby, read_node
from cluster.observed.poller import Poller
from cluster.observed.pooler import PoolsReading, read_pooler
from cluster.observed.primary_port import PortReading
from cluster.postgres.connection import Access
from cluster.postgres.lsn import Lsn, bytes_behind

LATE = "no answer within"
"""How the error of a reading begins that has not come back yet."""
PATIENCE = 3.0
"""A read may last this many deadlines before its connection is closed: a server that hangs is retried only then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Every node by name, PgBouncer, and where the port of the primary leads. ``taken`` is Unix time in seconds."""

    nodes: Mapping[str, NodeReading]
    pooler: PoolsReading
    taken: float
    port: PortReading | None = None

    @property
    def writable(self) -> tuple[str, ...]:
        """Nodes that are not in recovery: there should be exactly one."""
        return tuple(n.name for n in self.nodes.values() if n.facts and not n.facts.in_recovery)

    @property
    def primary(self) -> NodeReading | None:
        """The one writable node, or None where there is none or more than one."""
        return self.nodes[self.writable[0]] if len(self.writable) == 1 else None

    def standby(self, name: str) -> Standby | None:
        """How the primary sees ``name``, while ``name`` streams from it."""
        seen = self.primary.standbys if self.primary else ()
        return next((s for s in seen if s.node == name), None)

    def slot(self, slot: str) -> Slot | None:
        """A node's slot on the primary; a logical one of that name is none."""
        held = self.primary.slots if self.primary else ()
        return next((s for s in held if s.name == slot and s.type == "physical"), None)

    def lag_bytes(self, name: str, written: Lsn | None = None) -> int | None:
        """WAL bytes that ``name`` has yet to replay; known also while its link is cut.

        ``written``: how far the primary is known to have written, as in `position`.
        """
        facts = self.nodes[name].facts
        return bytes_behind(self.position(written), facts.lsn) if facts else None

    def receive_lag_bytes(self, name: str, written: Lsn | None = None) -> int | None:
        """WAL bytes that ``name`` has yet to receive; ``written`` as above."""
        facts = self.nodes[name].facts
        return bytes_behind(self.position(written), facts.received_lsn or facts.lsn) if facts else None

    def position(self, remembered: Lsn | None = None) -> Lsn | None:
        """How far the primary has written; ``remembered``, where somebody knows, wins over what is seen here."""
        primary = self.primary.facts if self.primary else None
        return primary.lsn if primary and remembered is None else remembered

    def lag_seconds(self, name: str) -> float | None:
        """Seconds behind, as the metric ``pods_replication_lag_seconds`` has them: of the node's own row.

        0 only while it streams and has replayed all it received; None of a server that takes writes.
        """
        facts = self.nodes[name].facts
        return facts.lag_seconds if facts and facts.in_recovery else None


def read_snapshot(
    nodes: Mapping[str, Access],
    pooler: Access,
    *,
    deadline: float,
    port: Callable[[], PortReading] | None = None,
    poller: Poller | None = None,
) -> Snapshot:
    """Read every node and PgBouncer at once; one that does not answer within ``deadline`` seconds costs no other.

    A caller that polls passes the same ``poller`` each time: then no server is ever read twice at once.
    """
    work: dict[str, Callable[[], NodeReading | PoolsReading | PortReading]] = {
        **{f"node {name}": partial(read_node, name, _patient(access, deadline)) for name, access in nodes.items()},
        "pooler": partial(read_pooler, _patient(pooler, deadline)),
        **({"port": port} if port else {}),
    }
    done = (poller or Poller()).run(work, deadline)
    late = f"{LATE} {deadline:.0f} s"
    readings: dict[str, NodeReading] = {}
    for name in nodes:
        reading = done.get(f"node {name}")
        readings[name] = reading if isinstance(reading, NodeReading) else NodeReading(name=name, error=late)
    pools, led = done.get("pooler"), done.get("port")
    return Snapshot(
        nodes=readings,
        pooler=pools if isinstance(pools, PoolsReading) else PoolsReading(error=late),
        taken=time.time(),
        port=led if isinstance(led, PortReading) else PortReading(error=late) if port else None,
    )


def keep_known(snapshot: Snapshot, before: Snapshot | None) -> Snapshot:
    """A reading that is late says nothing new of a server that was found to let nobody log in: that is still so."""
    known = {name: reading for name, reading in (before.nodes if before else {}).items() if reading.speaks}
    late = {name for name, reading in snapshot.nodes.items() if reading.error.startswith(LATE)}
    return replace(snapshot, nodes={**snapshot.nodes, **{name: known[name] for name in late & known.keys()}})


def _patient(access: Access, deadline: float) -> Access:
    return replace(access, patience=PATIENCE * deadline)
