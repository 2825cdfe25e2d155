"""`inv replica.*`: what is checked before a replica comes or goes, then the steps (membership.py)."""

import re
from dataclasses import dataclass

from cluster.endpoints import host_endpoint
from cluster.errors import RefusedError, UsageError
from cluster.naming import read_pool_of, shared_read_pool, slot_of
from cluster.observed.snapshot import Snapshot
from cluster.pools import synchronous_count
from cluster.postgres.connection import connect, fetch_one
from cluster.postgres.data_directory import holds_data
from cluster.topology import READ_POOLS, ReadPool, Topology
from compose.console import Console, ask
from compose.engine import containers
from compose.operations import preflight
from compose.operations.apply_topology import publish
from compose.operations.home_identity import changing
from compose.operations.replicas.clone import (
    CloneSource,
    aside_path,
    check_room,
    healthiest_source,
    replacement,
)
from compose.operations.replicas.membership import AddReplica, RemoveReplica
from compose.operations.steps import perform
from compose.stack import Stack, reopened

_RATE = re.compile(r"[1-9]\d{0,6}[kM]\Z")
_CLONE_SENDERS = 2
"""A clone takes two walsenders: one copies, one streams WAL."""


@dataclass(frozen=True, slots=True)
class ReplicaRequest:
    """Options of `replica.add` and `replica.reclone`; None means: choose."""

    name: str | None = None
    source: str | None = None
    rate: str | None = None
    pool: str = "shared"


def add(stack: Stack, console: Console, request: ReplicaRequest) -> str:
    """Add a replica, or go on with one that an interrupted add left; returns its name."""
    with changing(stack, "replica.add") as held:
        return _add_locked(held, console, request)


def _add_locked(stack: Stack, console: Console, request: ReplicaRequest) -> str:
    """``add`` for those who hold the lock."""
    topology, name = _joining(stack.topology, request.name, read_pool(request.pool))
    if name in stack.topology.names:
        console.note(f"going on with {name}, which an interrupted operation left half done")
    found = _clear(stack, console)
    snapshot = _healthy_primary(stack)
    source = _clone_source(stack, snapshot, name, request)
    if name not in stack.topology.names:
        _check_new(stack, topology, name, [c.service for c in found if c.status in ("running", "restarting", "paused")])
    _check_replication_room(stack, source)
    check_room(stack, name)
    perform(AddReplica(stack, topology, name, source).steps(), console)
    return name


def read_pool(word: str) -> ReadPool:
    """What somebody typed.

    Raises:
        UsageError: it is none of the words.
    """
    for known in READ_POOLS:
        if word == known:
            return known
    raise UsageError(f"{word!r} is no choice of pools", "use shared, or own: then no pool but its own leads to it")


def _joining(topology: Topology, wanted: str | None, pool: ReadPool) -> tuple[Topology, str]:
    """The topology with the replica that shall come in, and its name."""
    half_done = topology.in_state("joining", "catching_up")
    if half_done and wanted in (None, *half_done):
        return topology, wanted or half_done[0]
    joining = topology.add(wanted, "joining", pool)
    return joining, next(name for name in joining.names if name not in topology.names)


def remove(stack: Stack, console: Console, name: str, *, purge: bool, yes: bool, patience: float) -> None:
    """Take a replica out, having asked."""
    with changing(stack, "replica.remove") as stack:
        if patience < 0:
            raise UsageError("--timeout cannot be negative", "give seconds, such as 30")
        _check_going(stack, name)
        fate = "deletes its data" if purge else "keeps its data in data/.aside"
        if not ask(f"This removes {name} and {fate}.", yes=yes, expect=name):
            raise RefusedError(f"{name} was not removed: nobody confirmed it", f"type {name}, or give --yes")
        _remove_locked(stack, console, name, purge=purge, patience=patience)


def _remove_locked(stack: Stack, console: Console, name: str, *, purge: bool, patience: float) -> None:
    """``remove`` for those who hold the lock and have asked."""
    _check_going(stack, name)
    _clear(stack, console)
    _healthy_primary(stack)
    perform(RemoveReplica(stack, name, purge=purge, patience=patience).steps(), console)


def reclone(stack: Stack, console: Console, request: ReplicaRequest) -> None:
    """Rebuild a replica from scratch; its old data is kept aside until the new one is complete, and after."""
    with changing(stack, "replica.reclone") as stack:
        name = _check_replica(stack, request.name or "")
        _clear(stack, console)
        source = _clone_source(stack, _healthy_primary(stack), name, request)
        _check_replication_room(stack, source)
        check_room(stack, name)
        joining = stack.topology.with_state(name, "joining")
        enter, *others = AddReplica(stack, joining, name, source).steps()
        kept = aside_path(stack, stack.home.node(name))
        perform([enter, replacement(stack, name, kept), *others], console)


def set_pool(stack: Stack, name: str, pool: str) -> str:
    """Let a replica take part in the pool of all readers, or no longer; what it does now, for people."""
    with changing(stack, "replica.pool") as stack:
        topology = stack.topology.with_pool(_check_replica(stack, name), read_pool(pool))
        _healthy_primary(stack)
        publish(stack, topology)
        return describe(stack.with_topology(topology), name)


def scale_to(stack: Stack, console: Console, count: int, *, yes: bool) -> Stack:
    """Add or remove replicas until there are ``count``; the newest go first. For those who hold the lock."""
    names = [node.name for node in stack.topology.replicas]
    surplus = names[count:]
    if surplus and not ask(f"This removes {', '.join(surplus)}; data is kept in data/.aside.", yes=yes):
        raise RefusedError(f"{', '.join(surplus)} not removed: nobody confirmed it", "type yes, or give --yes")
    for name in reversed(surplus):
        _remove_locked(stack, console, name, purge=False, patience=30.0)
        stack = reopened(stack)
    for _ in range(count - len(names)):
        _add_locked(stack, console, ReplicaRequest())
        stack = reopened(stack)
    return stack


def _clear(stack: Stack, console: Console) -> list[containers.Container]:
    """Remove what an interrupted operation left, so that no old clone goes on beside a new one."""
    found = containers.of_project(stack.client, stack.topology.project)
    for name in containers.remove_leftovers(stack.client, found):
        console.note(f"removed {name}, left by an interrupted operation")
    return [container for container in found if not container.one_off]


def _healthy_primary(stack: Stack) -> Snapshot:
    snapshot = stack.snapshot()
    if snapshot.primary is None or snapshot.primary.name != stack.topology.primary:
        error = snapshot.nodes[stack.topology.primary].error or "it takes no writes"
        raise RefusedError(f"{stack.topology.primary} (primary) is not there to work with: {error}", "run inv up first")
    if snapshot.pooler.error:
        raise RefusedError(f"PgBouncer is not there to work with: {snapshot.pooler.error}", "run inv up first")
    return snapshot


def _clone_source(stack: Stack, snapshot: Snapshot, name: str, request: ReplicaRequest) -> CloneSource:
    if request.rate is not None and not _RATE.match(request.rate):
        raise UsageError(
            f"--max-rate {request.rate!r} is not a rate", "give a number with k or M per second, such as 100M"
        )
    rate = request.rate or ""
    if request.source is None:
        return CloneSource(healthiest_source(stack, snapshot, name), rate)
    node = stack.topology.primary if request.source == "primary" else stack.topology.node(request.source).name
    reading = snapshot.nodes[node]
    if node == name or reading.facts is None:
        raise RefusedError(
            f"{node} cannot be cloned from: {reading.error or 'it is the one to be made'}", "choose another --source"
        )
    return CloneSource(node, rate)


def _check_new(stack: Stack, topology: Topology, name: str, running: list[str]) -> None:
    preflight.check_ports(stack.settings, topology, [*running, *stack.topology.servers])
    if holds_data(stack.home.node(name)):
        raise RefusedError(f"{stack.home.node(name)} holds data already", "move it away, or choose another name")


def _check_replication_room(stack: Stack, source: CloneSource) -> None:
    """Free slots on the primary, free walsenders where they are needed."""
    for node, needed in {stack.topology.primary: 1, source.node: _CLONE_SENDERS}.items():
        with connect(stack.monitor(node)) as connection:
            slots, senders = fetch_one(connection, "replication_room", lambda slots, senders: (slots, senders)) or (
                0,
                0,
            )
        if node == stack.topology.primary and slots < 1:
            raise RefusedError(
                f"{node} has no free replication slot", "raise max_replication_slots in config/postgresql.conf"
            )
        if senders < needed:
            raise RefusedError(
                f"{node} has {senders} free walsenders and {needed} are needed",
                "raise max_wal_senders in config/postgresql.conf",
            )


def _check_replica(stack: Stack, name: str) -> str:
    if stack.topology.role(stack.topology.node(name).name) == "primary":
        raise RefusedError(f"{name} is the primary", "only replicas can be removed or cloned anew")
    return name


def _check_going(stack: Stack, name: str) -> None:
    _check_replica(stack, name)
    left = len([n for n in stack.topology.in_state("member", "catching_up") if n != name])
    needed = synchronous_count(stack.settings)
    if left < needed:
        raise RefusedError(
            f"PODS_SYNC={stack.settings.sync} needs {needed} replicas, and without {name} there are {left}",
            "add another one first, or change it: inv replica.sync --mode off",
        )


def describe(stack: Stack, name: str) -> str:
    """Where the new replica is reached, for the person who asked for it."""
    host, port = host_endpoint(stack.settings, stack.topology, name)
    own, shared = read_pool_of(name, stack.settings.database), shared_read_pool(stack.settings.database)
    pools = f"pool {own} and no other" if stack.topology.node(name).pool == "own" else f"pools {own} and {shared}"
    return f"{name} is a member: {host}:{port}, {pools}, slot {slot_of(name)}"
