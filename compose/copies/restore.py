"""`inv backup.restore --as-node`: yesterday's data in a server beside the cluster, as steps with undo."""

from dataclasses import replace
from typing import Any

from cluster.copies import Copy, new_copy, with_copy
from cluster.errors import TimedOutError
from cluster.postgres import host_endpoint
from compose import containers, node_data, preflight
from compose.backups.restore import show_plan
from compose.backups.wish import Wish
from compose.backups.workshop import Workshop
from compose.clone import remove_container
from compose.console import Console, Step
from compose.copies import upkeep
from compose.copies.data import settle
from compose.home import make_copies_directory
from compose.lock import exclusive
from compose.stack import Stack, reopened
from compose.steps import Task, perform
from compose.waiting import start_and_wait, why_not


def restore_as_node(stack: Stack, console: Console, wanted: Wish, name: str, *, writable: bool) -> dict[str, Any]:
    """Restore into a copy called ``name`` and start it; where it came to and where it listens.

    Raises:
        PodsError: it cannot be done; nothing was touched.
    """
    with exclusive(stack.home.lock, "backup.restore"):
        stack = reopened(stack)
        copy = new_copy(stack.topology, name, writable=writable)
        _check_port(stack, copy)
        show_plan(stack, console, wanted, stack.home.data)
        making = Making(stack, wanted, copy)
        perform(making.tasks(), console)
        host, port = host_endpoint(making.stack.settings, making.stack.topology, name)
        return making.done | {"copy": name, "address": f"{host}:{port}", "writable": writable}


def _check_port(stack: Stack, copy: Copy) -> None:
    topology = with_copy(stack.topology, copy)
    everything = [*stack.services, *(known.name for known in stack.topology.copies)]
    preflight.check_ports(stack.settings, topology, everything)


class Making:
    """The steps from a backup to a copy that runs. ``stack`` is as before."""

    def __init__(self, stack: Stack, wanted: Wish, copy: Copy) -> None:
        self.before = stack
        self.stack = stack
        self.wanted = wanted
        self.copy = copy
        # no project's name has a dot in it, so that no other cluster's container is called this
        container = f"{stack.topology.project}.{copy.name}{containers.RESTORE}"
        self.workshop = Workshop(stack.home.unfinished_copy(copy.name), container)
        self.done: dict[str, Any] = {}

    def tasks(self) -> list[Task]:
        """The topology knows the copy only when it is whole."""
        name = self.copy.name
        return [
            Task(f"Restoring into {self.workshop.path}", self._restore, self._clear),
            Task(f"Giving {name} the passwords of today", self._settle),
            Task(f"Entering {name} in the topology", self._enter, self._leave),
            Task(f"Starting {name} beside the cluster", self._start, self._stop),
        ]

    def _restore(self, step: Step) -> None:
        make_copies_directory(self.stack.home)
        self.done = self.workshop.restore(self.stack, step, self.wanted)

    def _clear(self) -> None:
        self.workshop.clear(self.stack)

    def _settle(self, _: Step) -> None:
        settle(self.stack, self.workshop.path, writable=self.copy.writable)

    def _enter(self, _: Step) -> None:
        origin = {field: self.done[field] for field in ("backup", "lsn", "newest")}
        self.stack = upkeep.enter(self.stack, with_copy(self.stack.topology, replace(self.copy, **origin)))
        upkeep.place(self.stack, self.copy.name)

    def _leave(self) -> None:
        upkeep.leave(self.before, self.before.topology, self.copy.name)
        node_data.remove(self.stack.home.copy(self.copy.name))

    def _start(self, step: Step) -> None:
        name = self.copy.name
        if start_and_wait(self.stack, step, [name]):
            raise TimedOutError(
                f"{name} does not start: {why_not(self.stack, name)}",
                "it was taken away again; a long recovery wants a larger PODS_START_TIMEOUT",
            )

    def _stop(self) -> None:
        remove_container(self.stack, Step(Console(), ""), self.copy.name)
