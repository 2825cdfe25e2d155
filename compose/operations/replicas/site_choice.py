"""Which site a replica has, and what is refused before another Docker host is touched."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from cluster.config.docker_hosts import HOSTS_FILE, Host
from cluster.endpoints import control_address
from cluster.errors import PodsError, RefusedError, UsageError
from cluster.topology import Node, Topology
from compose.console import Console
from compose.engine.hosts.host_sessions import open_hosts, reach_hosts
from compose.operations.replicas.node_site import LocalSite, NodeSite
from compose.operations.replicas.remote_site import LostSite, RemoteSite
from compose.stack import Stack


@contextmanager
def site_of(stack: Stack, name: str, host: str) -> Iterator[NodeSite]:
    """Where the replica ``name`` is: here, or on ``host``, which is reached while the body runs.

    Raises:
        PodsError: the host cannot be reached.
    """
    if not host:
        yield LocalSite(name)
        return
    with open_hosts(stack.home, stack.settings, [host]) as engines:
        yield RemoteSite(engines[host], name)


@contextmanager
def leaving_site(stack: Stack, console: Console, name: str, host: str) -> Iterator[NodeSite]:
    """The same for a replica that goes: also from a host that is gone."""
    if not host:
        yield LocalSite(name)
        return
    with reach_hosts(stack.home, stack.settings, [host]) as engines:
        reached = engines[host]
        if isinstance(reached, PodsError):
            console.warn(f"{reached.message}: what is there of {name} stays there; nothing leads to it any more")
            yield LostSite(name)
        else:
            yield RemoteSite(reached, name)


def measured(stack: Stack, topology: Topology, node: Node, site: NodeSite) -> Topology:
    """``topology`` with the size of the host of ``node``, from which what may differ there is derived."""
    if not isinstance(site, RemoteSite):
        return topology
    sized = replace(topology.node(node.name), sizing=site.measure(stack))
    return replace(topology, nodes=tuple(sized if each.name == node.name else each for each in topology.nodes))


def check_host(stack: Stack, name: str | None, host: str) -> str | None:
    """The name of the replica that is to be on ``host``: the host's own.

    Raises:
        UsageError: no such host is in the user's file, or not by which address it reaches this one.
        RefusedError: it cannot have one.
    """
    if not host:
        return name
    found = _found(stack, host)
    if name not in (None, host):
        raise UsageError(f"the node on host {host} is called {host}", "leave --name out")
    if found.local:
        raise RefusedError(f"{host} is this machine", "leave --host out")
    if "node" not in found.roles:
        raise RefusedError(f"host {host} has not the role node", f"add it to its roles in config/{HOSTS_FILE}")
    if stack.topology.engine != "local":
        raise RefusedError("Patroni decides here: every host with the role node has one", f"run inv hosts.add {host}")
    control_address(stack.settings)
    return host


def _found(stack: Stack, name: str) -> Host:
    host = stack.settings.hosts.find(name)
    if host is None:
        known = ", ".join(stack.settings.hosts.names) or "none"
        raise UsageError(f"there is no host {name!r} in config/{HOSTS_FILE}", f"there are: {known}")
    return host
