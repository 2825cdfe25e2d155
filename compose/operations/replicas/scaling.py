"""`inv replica.*`: what is checked before a replica comes or goes, then the steps (membership.py)."""

import re
from dataclasses import dataclass, replace

from cluster.endpoints import host_endpoint
from cluster.errors import RefusedError, UsageError
from cluster.naming import read_pool_of, shared_read_pool, slot_of
from cluster.observed.snapshot import Snapshot
from cluster.pools import check_lengths, synchronous_count
from cluster.postgres.connection import connect, fetch_one
from cluster.topology import READ_POOLS, Node, ReadPool, Topology
from compose.console import Console, Progress, ask
from compose.engine import containers
from compose.operations import preflight
from compose.operations.apply_topology import publish
from compose.operations.home_identity import changing
from compose.operations.hosts.member_reclone import reclone_member
from compose.operations.replicas.clone import CloneSource, healthiest_source
from compose.operations.replicas.membership import AddReplica, RemoveReplica
from compose.operations.replicas.node_site import NodeSite
from compose.operations.replicas.site_choice import check_host, leaving_site, measured, site_of
from compose.operations.steps import Step, perform
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
    host: str = ""


def add(stack: Stack, console: Console, request: ReplicaRequest) -> str:
    """Add a replica, or go on with one that an interrupted add left; returns its name."""
    with changing(stack, "replica.add") as held:
        return _add_locked(held, console, request)


def _add_locked(stack: Stack, console: Console, request: ReplicaRequest) -> str:
    """``add`` for those who hold the lock."""
    request = replace(request, name=check_host(stack, request.name, request.host))
    topology, name = _joining(stack.topology, request, read_pool(request.pool))
    node = topology.node(name)
    check_lengths(stack.settings, topology)
    if name in stack.topology.names:
        console.note(f"going on with {name}, which an interrupted operation left half done")
    found = _clear(stack, console)
    snapshot = _healthy_primary(stack)
    source = _clone_source(stack, snapshot, node, request)
    with site_of(stack, name, node.host) as site:
        if name not in stack.topology.names:
            running = [c.service for c in found if c.status in ("running", "restarting", "paused")]
            preflight.check_ports(stack.settings, topology, [*running, *stack.topology.servers])
            site.check_new(stack)
        _check_replication_room(stack, source)
        site.check_room(stack)
        perform(AddReplica(stack, measured(stack, topology, node, site), name, source, site).steps(), console)
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


def _joining(topology: Topology, request: ReplicaRequest, pool: ReadPool) -> tuple[Topology, str]:
    """The topology with the replica that shall come in, and its name."""
    half_done = topology.in_state("joining", "catching_up")
    if half_done and request.name in (None, *half_done):
        return topology, request.name or half_done[0]
    joining = topology.add(request.name, "joining", pool, host=request.host)
    return joining, next(name for name in joining.names if name not in topology.names)


def remove(stack: Stack, console: Console, name: str, *, purge: bool, yes: bool, patience: float) -> None:
    """Take a replica out, having asked."""
    with changing(stack, "replica.remove") as stack:
        if patience < 0:
            raise UsageError("--timeout cannot be negative", "give seconds, such as 30")
        _check_going(stack, name)
        host = stack.topology.node(name).host
        where = f" on host {host}" if host else ""
        fate = f"deletes its data{where}" if purge else f"keeps its data in data/.aside{where}"
        if not ask(f"This removes {name} and {fate}.", yes=yes, expect=name):
            raise RefusedError(f"{name} was not removed: nobody confirmed it", f"type {name}, or give --yes")
        _remove_locked(stack, console, name, purge=purge, patience=patience)


def _remove_locked(stack: Stack, console: Console, name: str, *, purge: bool, patience: float) -> None:
    """``remove`` for those who hold the lock and have asked."""
    _check_going(stack, name)
    _clear(stack, console)
    _healthy_primary(stack)
    with leaving_site(stack, console, name, stack.topology.node(name).host) as site:
        perform(RemoveReplica(stack, name, site, purge=purge, patience=patience).steps(), console)


def reclone(stack: Stack, console: Console, request: ReplicaRequest) -> None:
    """Rebuild a replica from scratch; its old data is kept aside until the new one is complete, and after."""
    with changing(stack, "replica.reclone") as stack:
        if stack.topology.engine == "patroni":
            chosen = request.source is not None or request.rate is not None
            return reclone_member(stack, console, request.name or "", chosen=chosen)
        name = _check_replica(stack, request.name or "")
        _clear(stack, console)
        node = stack.topology.node(name)
        source = _clone_source(stack, _healthy_primary(stack), node, request)
        _check_replication_room(stack, source)
        with site_of(stack, name, node.host) as site:
            site.check_room(stack)
            joining = measured(stack, stack.topology.with_state(name, "joining"), node, site)
            enter, *others = AddReplica(stack, joining, name, source, site).steps()
            perform([enter, _replacement(stack, name, site), *others], console)


def _replacement(stack: Stack, name: str, site: NodeSite) -> Step:
    """Stop a replica and move its data aside; undone, it runs again on its old data, as well as it did."""

    def do(step: Progress) -> None:
        site.stop(stack, step)
        kept = site.set_aside(stack)
        step.result = f"kept in {kept}" if kept else ""

    def undo() -> None:
        site.put_back(stack)
        site.start_again(stack)

    return Step(f"Stopping {name} and moving its old data aside", do, undo)


def set_pool(stack: Stack, name: str, pool: str) -> str:
    """Let a replica take part in the pool of all readers, or no longer; what it does now, for people."""
    with changing(stack, "replica.pool") as stack:
        topology = stack.topology.with_pool(_check_replica(stack, name), read_pool(pool))
        _healthy_primary(stack)
        publish(stack, topology)
        return describe(stack.with_topology(topology), name)


def scale_to(stack: Stack, console: Console, count: int, *, yes: bool) -> Stack:
    """Add or remove replicas until there are ``count``; the newest go first. For those who hold the lock."""
    names = [node.name for node in stack.topology.replicas if not node.host]
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


def _clone_source(stack: Stack, snapshot: Snapshot, joining: Node, request: ReplicaRequest) -> CloneSource:
    name = joining.name
    if request.rate is not None and not _RATE.match(request.rate):
        raise UsageError(
            f"--max-rate {request.rate!r} is not a rate", "give a number with k or M per second, such as 100M"
        )
    rate = request.rate or ""
    if joining.host:
        if request.source not in (None, "primary", stack.topology.primary):
            raise RefusedError(
                f"{name} is on another host, and its relay leads to the primary alone", "leave --source out"
            )
        return CloneSource(stack.topology.primary, rate)
    if request.source is None:
        return CloneSource(healthiest_source(stack, snapshot, name), rate)
    node = stack.topology.primary if request.source == "primary" else stack.topology.node(request.source).name
    reading = snapshot.nodes[node]
    if node == name or reading.facts is None:
        raise RefusedError(
            f"{node} cannot be cloned from: {reading.error or 'it is the one to be made'}", "choose another --source"
        )
    return CloneSource(node, rate)


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
    on = f" on host {stack.topology.node(name).host}" if stack.topology.node(name).host else ""
    return f"{name} is a member{on}: {host}:{port}, {pools}, slot {slot_of(name)}"
