"""`inv backup.restore --as-node`: yesterday's data in a server beside the cluster, as steps with undo."""

from dataclasses import replace

from cluster.endpoints import host_endpoint
from cluster.errors import TimedOutError
from cluster.topology import Copy
from compose.console import Console, Progress
from compose.engine import containers
from compose.home import node_data
from compose.home.paths import make_copies_directory
from compose.operations import preflight
from compose.operations.backups.request import RestoreRequest, RestoreResult
from compose.operations.backups.restore import show_plan
from compose.operations.backups.staging import StagingDirectory
from compose.operations.copies import lifecycle
from compose.operations.copies.prepare_data import prepare
from compose.operations.home_identity import changing
from compose.operations.replicas.clone import remove_container
from compose.operations.start import start_and_wait, why_not
from compose.operations.steps import Step, perform
from compose.stack import Stack


def restore_as_node(
    stack: Stack, console: Console, wanted: RestoreRequest, name: str, *, writable: bool
) -> RestoreResult:
    """Restore into a copy called ``name`` and start it; where it came to and where it listens.

    Raises:
        PodsError: it cannot be done; nothing was touched.
    """
    with changing(stack, "backup.restore") as stack:
        copy = stack.topology.new_copy(name, writable=writable)
        _check_port(stack, copy)
        wanted = show_plan(stack, console, wanted, stack.home.data).pin(wanted)
        making = MakeCopy(stack, wanted, copy)
        perform(making.steps(), console)
        host, port = host_endpoint(making.stack.settings, making.stack.topology, name)
        return replace(making.done, copy=name, address=f"{host}:{port}", writable=writable)


def _check_port(stack: Stack, copy: Copy) -> None:
    topology = stack.topology.with_copy(copy)
    everything = [*stack.services, *(known.name for known in stack.topology.copies)]
    preflight.check_ports(stack.settings, topology, everything)


class MakeCopy:
    """The steps from a backup to a copy that runs. ``stack`` is as before."""

    def __init__(self, stack: Stack, wanted: RestoreRequest, copy: Copy) -> None:
        self.before = stack
        self.stack = stack
        self.wanted = wanted
        self.copy = copy
        # no project's name has a dot in it, so that no other cluster's container is called this
        container = f"{stack.topology.project}.{copy.name}{containers.RESTORE}"
        self.staging = StagingDirectory(stack.home.unfinished_copy(copy.name), container)
        self.done = RestoreResult(backup="", lsn="")

    def steps(self) -> list[Step]:
        """The topology knows the copy only when it is whole."""
        name = self.copy.name
        return [
            Step(f"Restoring into {self.staging.path}", self._restore, self._clear),
            Step(f"Giving {name} the passwords of today", self._prepare),
            Step(f"Entering {name} in the topology", self._enter, self._leave),
            Step(f"Starting {name} beside the cluster", self._start, self._stop),
        ]

    def _restore(self, step: Progress) -> None:
        make_copies_directory(self.stack.home)
        self.done = self.staging.restore(self.stack, step, self.wanted)

    def _clear(self) -> None:
        self.staging.clear(self.stack)

    def _prepare(self, _: Progress) -> None:
        prepare(self.stack, self.staging.path, writable=self.copy.writable)

    def _enter(self, _: Progress) -> None:
        made = replace(self.copy, backup=self.done.backup, lsn=self.done.lsn, newest=self.done.newest)
        self.stack = lifecycle.enter(self.stack, self.stack.topology.with_copy(made))
        lifecycle.install(self.stack, self.copy.name)

    def _leave(self) -> None:
        lifecycle.leave(self.before, self.before.topology, self.copy.name)
        node_data.remove(self.stack.home.copy(self.copy.name))

    def _start(self, step: Progress) -> None:
        name = self.copy.name
        if start_and_wait(self.stack, step, [name]):
            raise TimedOutError(
                f"{name} does not start: {why_not(self.stack, name)}",
                "it was taken away again; a long recovery wants a larger PODS_START_TIMEOUT",
            )

    def _stop(self) -> None:
        remove_container(self.stack, self.copy.name)
