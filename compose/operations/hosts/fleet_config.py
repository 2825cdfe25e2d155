"""Changed files on their way to hosts whose containers stay: sent, and taken up by who reads them."""

from collections.abc import Mapping

from cluster.endpoints import POOLER
from cluster.errors import PodsError
from cluster.waiting import comes_true
from compose.console import Console
from compose.engine.containers import send_signal
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import host_folder, reach_hosts
from compose.engine.hosts.kept_copies import kept_copy
from compose.home.ha_certificates import ensure_ha_certificates
from compose.operations.hosts.finish_move import configure
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.host_payload import host_payload
from compose.stack import Stack

_COMPOSE_FILE = "compose.yaml"
_PENDING_SECONDS = 30.0
"""For agents to see which changes wait for a restart: they look once in a while."""


def hosts_behind(stack: Stack) -> list[str]:
    """Hosts on which other containers are wanted than were rendered for them last; none where there are none."""
    if stack.topology.engine == "local":
        return []
    return [host.name for host in stack.settings.hosts.hosts if _differs(stack, host.name)]


def _differs(stack: Stack, name: str) -> bool:
    host = stack.settings.hosts.find(name)
    assert host is not None
    return kept_copy(host_folder(stack.home, name), _COMPOSE_FILE) != host_payload(stack, host)[_COMPOSE_FILE].content


def send_files(stack: Stack, console: Console) -> None:
    """Let every host have its files, and its servers take them up; nothing where PODS itself decides.

    Raises:
        PodsError: a host cannot be reached; all others have theirs, and `inv up` goes on.
    """
    if stack.topology.engine == "local":
        return
    with reach_hosts(stack.home, stack.settings, stack.settings.hosts.names) as found:
        fleet = Fleet(stack, {name: each for name, each in found.items() if isinstance(each, HostEngine)})
        for name, engine in fleet.engines.items():
            with console.step(f"Sending what changed to {name}") as step:
                sent = engine.ship(host_payload(stack, engine.host))
                take_up(fleet, name)
                step.result = f"{len(sent)} files sent" if sent else ""
        if changed := configure(fleet):
            console.note(f"Patroni's configuration in the store was changed: {', '.join(changed)}")
        for each in found.values():
            if isinstance(each, PodsError):
                raise each


def take_up(fleet: Fleet, name: str) -> None:
    """Have agent, server and PgBouncer of a host read their files and certificates again; nobody notices.

    Always: a run that was killed after it had sent leaves nobody who knows that they have not.
    """
    if name in fleet.agents:
        fleet.agents[name].reload()
    engine = fleet.engines[name]
    pooler = engine.containers().get(POOLER)
    if pooler is not None and pooler.well:  # one that has just started ends by that signal, and has read them
        send_signal(engine.client, pooler.id, "HUP")


def renew_keys(stack: Stack) -> list[str]:
    """Make those of etcd, agents and who asks them anew; whose. They go on with the old ones until they have these.

    etcd reads its files at every handshake, an agent when it is told to.
    """
    if stack.topology.engine == "local":
        return []
    return ensure_ha_certificates(stack.home, stack.settings.hosts, project=stack.topology.project, renew=True)


def pending_restarts(stack: Stack) -> Mapping[str, tuple[str, ...]]:
    """Parameters that wait for a restart, by node, as its agent says."""
    hosts = stack.read_hosts().hosts.values()
    return {
        each.name: each.agent.pending_restart for each in hosts if each.agent is not None and each.agent.pending_restart
    }


def await_pending(stack: Stack, nodes: tuple[str, ...]) -> list[str]:
    """Nodes that have to be restarted, once all of ``nodes`` say so, or time is up."""
    comes_true(lambda: set(nodes) <= pending_restarts(stack).keys(), timeout=_PENDING_SECONDS, pause=0.5)
    return sorted(pending_restarts(stack))
