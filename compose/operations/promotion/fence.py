"""Keeping a primary that others cannot reach from taking writes: before anybody else does."""

from cluster.errors import RefusedError
from cluster.files import write_atomically
from cluster.postgres.connection import connect
from cluster.postgres.failures import ConnectError, Failure
from cluster.waiting import wait_until
from compose.console import Progress
from compose.engine.containers import Container
from compose.operations.apply_topology import write_files
from compose.stack import Stack

KILL_SECONDS = 15.0
"""For the kernel to end every process of a container; one that waits for a dead disk does not end."""
_SILENT = (Failure.STARTING, Failure.REFUSED, Failure.TIMEOUT, Failure.UNREACHABLE)
"""Why there is no answer of a server that may be gone; any other says that it is there, and does not let us in."""
_ALIVE = ("running", "paused", "restarting", "removing")


def check_silent(stack: Stack) -> str:
    """Why the primary does not answer, in words.

    Raises:
        RefusedError: it does, and may take writes.
    """
    name = stack.topology.primary
    try:
        with connect(stack.monitor(name)):
            reason = ""
    except ConnectError as fault:
        if fault.kind in _SILENT:
            return _silence(stack, name, fault.message)
        reason = f", though it does not let us in: {fault.message}"
    raise RefusedError(
        f"{name} (primary) answers{reason}", "run inv switchover, which loses nothing and no client notices"
    )


def _silence(stack: Stack, name: str, message: str) -> str:
    container = stack.containers().get(name)
    if container is None:
        return f"{name} has no container"
    if container.status == "paused":
        return f"the container of {name} is frozen (docker pause)"
    if container.status == "running":
        return f"{name} runs, and does not answer: {message}"
    return f"the container of {name} does not run: {container.status}, exit code {container.exit_code}"


class Fence:
    """Round the node that was the primary. Whoever starts its container finds another role than that of its data."""

    def __init__(self, stack: Stack, node: str) -> None:
        self.stack, self.node = stack, node
        self._had_container = False

    def close(self, step: Progress) -> None:
        """Give it a replica's role, and end it at once: what does not run is in no network, and on no port."""
        write_atomically(self.stack.home.rendered / "nodes" / self.node / "role", "replica\n")
        container = self._container()
        if container is None:
            step.result = "it has no container"
            return
        self._had_container = True
        self._end(container.id)
        step.result = f"it was {container.status}"

    def _container(self) -> Container | None:
        return self.stack.containers().get(self.node)

    def _end(self, container: str) -> None:
        """Killed, a frozen one too; the engine does not start it again by itself."""
        from docker.errors import APIError, NotFound

        api = self.stack.client.api

        def missing() -> str:
            try:
                status = api.inspect_container(container)["State"]["Status"]
                if status in _ALIVE:
                    api.stop(container, timeout=0) if status == "restarting" else api.kill(container)
            except NotFound:
                return ""
            except APIError as error:
                return str(error.explanation)
            return f"it is {status}" if status in _ALIVE else ""

        wait_until(
            missing,
            timeout=KILL_SECONDS,
            what=f"the container of {self.node} did not end",
            hint="as long as it may write nobody else is promoted; see docker inspect, and the kernel's log",
            pause=0.02,
        )

    def lift(self) -> None:
        """It is the primary after all: give it its role back, and start it where it was up."""
        write_files(self.stack, self.stack.topology)
        if self._had_container:
            self.stack.compose.run("up", "--detach", "--no-deps", self.node)
