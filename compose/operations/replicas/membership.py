"""How a replica comes in and goes out, as steps with undo; `up` finishes what was interrupted."""

from pathlib import Path

from cluster.endpoints import POOLER
from cluster.errors import TimedOutError
from cluster.naming import read_pool_of, shared_read_pool, slot_of
from cluster.pgbouncer import CONSOLE, read_pools
from cluster.postgres.connection import Access, connect
from cluster.postgres.data_directory import read_data_directory
from cluster.slots import create_slot, drop_slot
from cluster.topology import Topology
from cluster.units import human_size
from cluster.waiting import attempts, wait_until
from compose.console import Progress
from compose.home import node_data, passwords
from compose.home.paths import make_private_directory
from compose.operations.apply_topology import publish
from compose.operations.replicas.clone import (
    CloneSource,
    aside_path,
    move_data,
    remove_container,
    run_clone,
)
from compose.operations.start import start_and_wait, why_not
from compose.operations.steps import Step
from compose.stack import Stack

ADMITTED_LAG = 16 << 20
"""Bytes: a replica takes part in the shared read pool once it is closer than this."""


class AddReplica:
    """The steps that make ``node``, which ``joining`` has in state joining, a member. ``stack`` is as before."""

    def __init__(self, stack: Stack, joining: Topology, node: str, source: CloneSource) -> None:
        self.before = stack
        self.stack = stack
        self.joining = joining
        self.node = node
        self.source = source
        self.made_slot = False

    def steps(self) -> list[Step]:
        """From nothing to a member, of the shared read pool mostly."""
        node, database = self.node, self.stack.settings.database
        own, apart = read_pool_of(node, database), self.joining.node(node).pool == "own"
        joins = "" if apart else f" to join {shared_read_pool(database)}"
        return [
            Step(f"Entering {node} in the topology", self._enter, self._forget),
            Step(f"Reserving WAL in slot {slot_of(node)}", self._reserve, self._release),
            Step(f"Cloning {node} from {self.source.node}", self._clone, self._delete_clone),
            Step(f"Starting {node} and waiting until it streams", self._start, self._stop),
            Step(f"Opening pool {own}", self._open),
            Step(f"Waiting until {node} is close enough{joins}", self._admit),
        ]

    def _enter(self, _: Progress) -> None:
        make_private_directory(self.stack.home.node(self.node))
        self.stack = publish(self.stack, self.joining)

    def _forget(self) -> None:
        publish(self.before, self.before.topology)
        if self.node not in self.before.topology.names:
            node_data.remove_empty(self.stack.home.node(self.node))

    def _reserve(self, _: Progress) -> None:
        self.made_slot = create_slot(_primary(self.stack), slot_of(self.node))

    def _release(self) -> None:
        if self.made_slot:
            drop_slot(_primary(self.stack), slot_of(self.node))

    def _clone(self, step: Progress) -> None:
        if self._has_data():
            step.result = "its data is there already"
        else:
            run_clone(self.stack, step, self.node, self.source)

    def _has_data(self) -> bool:
        try:
            data = read_data_directory(self.stack.home.node(self.node))
        except ValueError:
            return False
        return data is not None and data.standby and data.system_identifier == self.joining.system_identifier

    def _delete_clone(self) -> None:
        node_data.remove_contents(self.stack.home.node(self.node))

    def _start(self, step: Progress) -> None:
        if start_and_wait(self.stack, step, [self.node]):
            reason = why_not(self.stack, self.node)
            raise TimedOutError(f"{self.node} does not stream: {reason}", f"see inv logs --service {self.node}")

    def _stop(self) -> None:
        remove_container(self.stack, self.node)

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

    def __init__(self, stack: Stack, node: str, *, purge: bool, patience: float) -> None:
        self.before = stack
        self.stack = stack
        self.node = node
        self.purge = purge
        self.patience = patience
        self.kept: Path | None = None

    def steps(self) -> list[Step]:
        """From a member to nothing."""
        node, database = self.node, self.stack.settings.database
        own, shared = read_pool_of(node, database), shared_read_pool(database)
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
        self._console_command("DISABLE")

    def _undrain(self) -> None:
        publish(self.before, self.before.topology)
        self._console_command("ENABLE")

    def _console_command(self, verb: str) -> None:
        pool = read_pool_of(self.node, self.stack.settings.database)
        with connect(self.stack.access(POOLER, passwords.ADMIN, CONSOLE), console=True) as console:
            if pool in {known.name for known in read_pools(console)}:
                console.execute(f"{verb} {pool}".encode())

    def _wait_for_clients(self, step: Progress) -> None:
        for _ in attempts(self.patience):
            left = self._clients()
            if not left:
                step.result = "none left"
                return
            step.update(f"{left} clients")
        step.result = f"{left} clients are cut off"

    def _clients(self) -> int:
        pool = read_pool_of(self.node, self.stack.settings.database)
        with connect(self.stack.access(POOLER, passwords.MONITOR, CONSOLE), console=True) as console:
            return sum(p.clients_active + p.clients_waiting for p in read_pools(console) if p.name == pool)

    def _stop(self, step: Progress) -> None:
        remove_container(self.stack, self.node, step)

    def _start_again(self) -> None:
        self.stack.compose.run("up", "--detach", "--no-deps", self.node)

    def _drop(self, _: Progress) -> None:
        drop_slot(_primary(self.stack), slot_of(self.node))

    def _reserve_again(self) -> None:
        create_slot(_primary(self.stack), slot_of(self.node))

    def _move_aside(self, step: Progress) -> None:
        if node_data.present(self.stack.home.node(self.node)):
            self.kept = aside_path(self.stack, self.stack.home.node(self.node))
            move_data(self.stack, self.node, self.kept)
            step.result = f"kept in {self.kept}"

    def _move_back(self) -> None:
        if self.kept is not None:
            node_data.put_back(self.kept, self.stack.home.node(self.node))

    def _delete(self, step: Progress) -> None:
        if stays := node_data.remove_server(self.stack.home.node(self.node)):
            step.result = f"emptied, as a mount point or a link of yours: {', '.join(map(str, stays))}"

    def _forget(self, _: Progress) -> None:
        self.stack = publish(self.stack, self.stack.topology.remove(self.node))
        node_data.remove_empty(self.stack.home.node(self.node))


def unfinished(stack: Stack) -> list[Step]:
    """The next steps of a replica that was coming or going when an operation was interrupted; empty when there is none.

    They look first and do only what is missing. A replica on its way in is not taken back: it was asked for.
    """
    topology = stack.topology
    for node in topology.in_state("leaving"):
        return RemoveReplica(stack, node, purge=False, patience=0).steps()[2:]
    for node in topology.in_state("joining", "catching_up"):
        coming = AddReplica(stack, topology, node, CloneSource(topology.primary)).steps()[1:]
        return [Step(step.title, step.do) for step in coming]
    return []


def _primary(stack: Stack) -> Access:
    """The server on which slots are made."""
    return stack.superuser(stack.topology.primary)
