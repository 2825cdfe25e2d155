"""What `inv down` means for a cluster that is on other Docker hosts too: they go on, or nothing of it stays there."""

from datetime import UTC, datetime

from cluster.errors import PodsError, RefusedError
from cluster.standby_topology import nodes_elsewhere, spans_hosts
from cluster.topology import Topology
from compose.console import Console
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import reach_hosts
from compose.home.hosts_state_file import load_state
from compose.operations.hosts.added_hosts import check_listed
from compose.stack import Stack


def hosts_of(stack: Stack) -> tuple[str, ...]:
    """The hosts on which something of the cluster runs together, by Patroni; none where PODS decides alone."""
    if not spans_hosts(stack.topology):
        return ()
    try:
        return tuple(each.name for each in load_state(stack.home).hosts)
    except PodsError:  # a file that cannot be read must not keep a cluster from being stopped
        return tuple(each.host for each in nodes_elsewhere(stack.topology))


def going_on(topology: Topology, names: tuple[str, ...]) -> str:
    """What somebody should know who stopped only this machine's part."""
    if topology.engine == "patroni":
        left = f"{', '.join(names)} go on and take writes; nothing archives, backs up or watches them until inv up"
        return f"the cluster is on hosts: {left}"
    return f"{', '.join(names)} have a copy that follows this cluster, and wait for it; inv up, or inv hosts.unprepare"


def purge_hosts(stack: Stack, console: Console) -> None:
    """Delete containers, data and secrets of the cluster on every host that was added. Those here are the caller's.

    Raises:
        RefusedError: a host cannot be reached, is in the file no more, or obeys another machine; nothing was deleted.
    """
    check_listed(stack)
    with reach_hosts(stack.home, stack.settings) as reached:
        engines = []
        for name, each in reached.items():
            if isinstance(each, PodsError):
                hint = f"bring it back, or forget it first: inv hosts.remove {name} --gone"
                raise RefusedError(f"nothing was deleted: {each.message}, and what is on it would stay", hint)
            if each.claim():  # nobody's: a purge before this one was interrupted after it had been there
                each.check_control()
            engines.append(each)
        for engine in engines:
            _purge(engine, console)


def _purge(engine: HostEngine, console: Console) -> None:
    with console.step(f"Deleting what is on {engine.name}") as step:
        engine.take_down(step)
        engine.leave_home(f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", purge=True)
