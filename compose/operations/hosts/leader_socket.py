"""The superuser's session where Patroni decides: by the Unix socket in the container of whoever leads.

No superuser crosses a network there (decision 0066). `inv` reaches the host's engine as for everything else, and in
the container it is the user of the server, whom pg_hba.conf knows by that.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from cluster.errors import MachineError, PodsError
from compose.engine.hosts.container_socket import ContainerAddress, serving
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import reach_hosts
from compose.operations.hosts.fleet import Fleet
from compose.stack import Stack


@contextmanager
def with_superuser(stack: Stack) -> Iterator[Stack]:
    """The cluster with a way to its superuser, while the body runs; hosts are reached when somebody takes it."""
    if stack.topology.engine == "local":
        yield stack
        return
    opened = ExitStack()
    # left first: `ssh` ends with the thread that started it, and one that has ended is taken for a host that is lost
    with serving(_LeaderContainer(stack, opened).find) as folder, opened:
        yield replace(stack, superuser_socket=folder)


class _LeaderContainer:
    """Finds the container of who leads now; a host once reached stays so."""

    def __init__(self, stack: Stack, opened: ExitStack) -> None:
        self._stack, self._opened = stack, opened
        self._engines: dict[str, HostEngine] = {}

    def find(self) -> ContainerAddress:
        return container_of(self._engine(Fleet(self._stack, {}).leader()))

    def _engine(self, name: str) -> HostEngine:
        if name not in self._engines:
            reached = self._opened.enter_context(reach_hosts(self._stack.home, self._stack.settings, [name]))[name]
            if isinstance(reached, PodsError):
                raise reached
            self._engines[name] = reached
        return self._engines[name]


def container_of(engine: HostEngine) -> ContainerAddress:
    """The running container of the node of a host.

    Raises:
        MachineError: it does not run.
    """
    found = engine.containers().get(engine.name)
    if found is None or found.status != "running":
        raise MachineError(f"the container of {engine.name} does not run", "see inv hosts.status, then run inv up")
    return ContainerAddress(found.id, engine.environment)
