"""Snapshots made by hand: a cluster as it should be, and ways to spoil it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cluster.observed.nodes import NodeFacts, NodeReading, Slot, Standby
from cluster.observed.pooler import PoolsReading
from cluster.observed.snapshot import Snapshot
from cluster.observed_topology import member_slot
from cluster.pgbouncer import Pool
from cluster.postgres.lsn import Lsn
from cluster.topology import Topology

NOW = Lsn.parse("0/5000000")


def facts(topology: Topology, name: str, **changes: Any) -> NodeFacts:
    """What a node says that is what it should be."""
    replica = topology.role(name) == "replica"
    return replace(
        NodeFacts(
            in_recovery=replica,
            system_identifier=topology.system_identifier or "7400000000000000001",
            timeline=1,
            lsn=NOW,
            received_lsn=NOW if replica else None,
            receiver_status="streaming" if replica else None,
            receiver_silence=0.1 if replica else None,
            lag_seconds=0.0,
            io_method="io_uring",
            uptime=100.0,
            pending_restart=(),
            connections=3,
        ),
        **changes,
    )


def standby(name: str, **changes: Any) -> Standby:
    """A standby as its primary wants it."""
    streaming = Standby(node=name, state="streaming", sync_state="async")
    return replace(streaming, **changes)


def slot(name: str, **changes: Any) -> Slot:
    """A slot in use."""
    used = Slot(
        name=name,
        type="physical",
        active=True,
        wal_status="reserved",
        safe_wal_size=1 << 30,
        invalidation_reason=None,
        inactive_seconds=None,
        retained_bytes=0,
    )
    return replace(used, **changes)


def pool(name: str, hosts: tuple[str, ...], **changes: Any) -> Pool:
    """A pool at work."""
    working = Pool(
        name=name,
        hosts=hosts,
        clients_active=2,
        clients_waiting=0,
        servers_active=1,
        servers_idle=1,
        max_wait=0.0,
        size=34,
        paused=False,
        disabled=False,
    )
    return replace(working, **changes)


def as_wanted(topology: Topology, pools: Mapping[str, tuple[str, ...]]) -> Snapshot:
    """The cluster as it should be."""
    replicas = [node.name for node in topology.replicas]
    nodes = {name: NodeReading(name=name, facts=facts(topology, name)) for name in topology.names}
    nodes[topology.primary] = replace(
        nodes[topology.primary],
        standbys=tuple(standby(name) for name in replicas),
        slots=tuple(slot(member_slot(topology, name)) for name in replicas),
    )
    pooler = PoolsReading(pools=tuple(pool(name, hosts) for name, hosts in pools.items()))
    return Snapshot(nodes=nodes, pooler=pooler, taken=1_700_000_000.0)


def with_node(snapshot: Snapshot, name: str, **changes: Any) -> Snapshot:
    """The same moment with another reading of one node."""
    return replace(snapshot, nodes={**snapshot.nodes, name: replace(snapshot.nodes[name], **changes)})


def with_facts(snapshot: Snapshot, name: str, **changes: Any) -> Snapshot:
    """The same moment with other facts of one node."""
    known = snapshot.nodes[name].facts
    assert known is not None
    return with_node(snapshot, name, facts=replace(known, **changes))


def silent(snapshot: Snapshot, name: str, error: str = "connection refused") -> Snapshot:
    """The same moment with one node that does not answer."""
    return with_node(snapshot, name, facts=None, error=error, standbys=(), slots=())


def with_pool(snapshot: Snapshot, name: str, **changes: Any) -> Snapshot:
    """The same moment with one pool changed."""
    pools = tuple(replace(p, **changes) if p.name == name else p for p in snapshot.pooler.pools)
    return replace(snapshot, pooler=PoolsReading(pools=pools))
