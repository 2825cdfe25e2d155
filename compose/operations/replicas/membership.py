"""How a replica comes in and goes out, as steps with undo; `up` finishes what was interrupted."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cluster import pgbouncer
from cluster.endpoints import POOLER
from cluster.naming import shared_read_pool, slot_of
from cluster.pgbouncer import CONSOLE, read_pools
from cluster.pools import own_pools
from cluster.postgres.connection import Access, connect
from cluster.slots import create_slot, drop_slot
from cluster.topology import Node, Topology
from cluster.units import human_size
from cluster.waiting import attempts, wait_until
from compose.console import Progress
from compose.home import passwords
from compose.operations.apply_topology import publish
from compose.operations.replicas.clone import CloneSource
from compose.operations.replicas.node_site import NodeSite
from compose.operations.steps import Step
from compose.stack import Stack

if TYPE_CHECKING:
    import psycopg

ADMITTED_LAG = 16 << 20
"""Bytes: a replica takes part in the shared read pool once it is closer than this."""


class AddReplica:
    """The steps that make ``node``, which ``joining`` has in state joining, a member. ``stack`` is as before."""

    def __init__(self, stack: Stack, joining: Topology, node: str, source: CloneSource, site: NodeSite) -> None:
        self.before = stack
        self.site = site
        self.stack = stack
        self.joining = joining
        self.node = node
        self.source = source
        self.made_slot = False

    def steps(self) -> list[Step]:
        """From nothing to a member, of the shared read pool mostly."""
        node, apart = self.node, self.joining.node(self.node).pool == "own"
        own, joins = _own(self.stack, node), "" if apart else f" to join {_shared(self.stack)}"
        return [
            Step(f"Entering {node} in the topology", self._enter, self._forget),
            Step(f"Reserving WAL in slot {slot_of(node)}", self._reserve, self._release),
            Step(f"Cloning {node} from {self.source.node}", self._clone, self._delete_clone),
            Step(f"Starting {node} and waiting until it streams", self._start, self._stop),
            Step(f"Opening pool {own}", self._open),
            Step(f"Waiting until {node} is close enough{joins}", self._admit),
        ]

    def _enter(self, step: Progress) -> None:
        self.stack = publish(self.stack, self.joining)
        self.site.make(self.stack, step)

    def _forget(self) -> None:
        if self.node not in self.before.topology.names:
            self.site.unmake(self.stack)
        publish(self.before, self.before.topology)

    def _reserve(self, _: Progress) -> None:
        self.made_slot = create_slot(_primary(self.stack), slot_of(self.node))

    def _release(self) -> None:
        if self.made_slot:
            drop_slot(_primary(self.stack), slot_of(self.node))

    def _clone(self, step: Progress) -> None:
        if self.site.holds_replica(self.stack):
            step.result = "its data is there already"
        else:
            self.site.clone(self.stack, step, self.source)

    def _delete_clone(self) -> None:
        self.site.delete_clone(self.stack)

    def _start(self, step: Progress) -> None:
        self.site.start(self.stack, step)

    def _stop(self) -> None:
        self.site.stop(self.stack)

    def _open(self, _: Progress) -> None:
        self.stack = publish(self.stack, self.stack.topology.with_state(self.node, "catching_up"))

    def _admit(self, step: Progress) -> None:
        wait_until(
            self._missing,
            timeout=self.stack.settings.start_timeout,
            what=f"{self.node} did not come close enough",
            hint="it streams and has its own pool; run inv up later to let it join",
            progress=step.update,
        )
        self.stack = publish(self.stack, self.stack.topology.with_state(self.node, "member"))

    def _missing(self) -> str:
        lag = self.stack.snapshot().lag_bytes(self.node)
        if lag is not None and lag <= ADMITTED_LAG:
            return ""
        return f"it is {human_size(lag)} behind"


class RemoveReplica:
    """The steps that take ``node`` out. ``purge`` deletes its data instead of moving it aside."""

    def __init__(self, stack: Stack, node: str, site: NodeSite, *, purge: bool, patience: float) -> None:
        self.before = stack
        self.site = site
        self.stack = stack
        self.node = node
        self.purge = purge
        self.patience = patience

    def steps(self) -> list[Step]:
        """From a member to nothing."""
        node, own, shared = self.node, _own(self.stack, self.node), _shared(self.stack)
        disposal = Step(f"Deleting the data of {node}", self._delete)
        if not self.purge:
            disposal = Step(f"Moving the data of {node} aside", self._move_aside, self._move_back)
        return [
            Step(f"Draining {node}: out of {shared}, no new clients in {own}", self._drain, self._undrain),
            Step(f"Waiting up to {self.patience:.0f} s for clients of {own}", self._wait_for_clients),
            Step(f"Stopping {node}", self._stop, self._start_again),
            Step(f"Dropping slot {slot_of(node)}", self._drop, self._reserve_again),
            disposal,
            Step(f"Removing {node} from the topology", self._forget),
        ]

    def _drain(self, _: Progress) -> None:
        self.stack = publish(self.stack, self.stack.topology.with_state(self.node, "leaving"))
        self._at_own_pools(pgbouncer.disable)

    def _undrain(self) -> None:
        publish(self.before, self.before.topology)
        self._at_own_pools(pgbouncer.enable)

    def _at_own_pools(self, command: Callable[["psycopg.Connection[Any]", str], None]) -> None:
        with connect(self.stack.access(POOLER, passwords.ADMIN, CONSOLE), console=True) as console:
            known = {pool.name for pool in read_pools(console)}
            for pool in own_pools(self.stack.settings, self.node):
                if pool in known:
                    command(console, pool)

    def _wait_for_clients(self, step: Progress) -> None:
        for _ in attempts(self.patience):
            left = self._clients()
            if not left:
                step.result = "none left"
                return
            step.update(f"{left} clients")
        step.result = f"{left} clients are cut off"

    def _clients(self) -> int:
        own = own_pools(self.stack.settings, self.node)
        with connect(self.stack.access(POOLER, passwords.MONITOR, CONSOLE), console=True) as console:
            return sum(p.clients_active + p.clients_waiting for p in read_pools(console) if p.name in own)

    def _stop(self, step: Progress) -> None:
        self.site.stop(self.stack, step)

    def _start_again(self) -> None:
        self.site.start_again(self.stack)

    def _drop(self, _: Progress) -> None:
        drop_slot(_primary(self.stack), slot_of(self.node))

    def _reserve_again(self) -> None:
        create_slot(_primary(self.stack), slot_of(self.node))

    def _move_aside(self, step: Progress) -> None:
        kept = self.site.set_aside(self.stack)
        step.result = f"kept in {kept}" if kept else ""

    def _move_back(self) -> None:
        self.site.put_back(self.stack)

    def _delete(self, step: Progress) -> None:
        step.result = self.site.delete(self.stack)

    def _forget(self, _: Progress) -> None:
        self.site.unmake(self.stack)
        self.stack = publish(self.stack, self.stack.topology.remove(self.node))


def half_done(topology: Topology) -> Node | None:
    """A replica that was coming or going when an operation was interrupted."""
    names = (*topology.in_state("leaving"), *topology.in_state("joining", "catching_up"))
    return topology.node(names[0]) if names else None


def remaining_steps(stack: Stack, node: Node, site: NodeSite) -> list[Step]:
    """The next steps of a replica that is `half_done`. They look first and do only what is missing.

    A replica on its way in is not taken back: it was asked for.
    """
    if node.state == "leaving":
        return RemoveReplica(stack, node.name, site, purge=False, patience=0).steps()[2:]
    coming = AddReplica(stack, stack.topology, node.name, CloneSource(stack.topology.primary), site).steps()
    return [Step(step.title, step.do) for step in coming]


def _primary(stack: Stack) -> Access:
    """The server on which slots are made."""
    return stack.superuser(stack.topology.primary)


def _shared(stack: Stack) -> str:
    """The pool of all readers, for people."""
    return _named([shared_read_pool(database.name) for database in stack.settings.declared.databases])


def _own(stack: Stack, node: str) -> str:
    """The pools of ``node`` alone, for people."""
    return _named(own_pools(stack.settings, node))


def _named(pools: Sequence[str]) -> str:
    return pools[0] if len(pools) == 1 else f"{pools[0]} and {len(pools) - 1} more"
