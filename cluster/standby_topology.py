"""A cluster whose nodes wait on other Docker hosts, and the same once it has moved to them. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from cluster.naming import FIRST_PRIMARY
from cluster.topology import Node, Topology


def spans_hosts(topology: Topology) -> bool:
    """Whether Patroni has nodes on hosts: those of the cluster, or such as follow it until it moves."""
    return topology.engine == "patroni" or bool(topology.standby)


def nodes_elsewhere(topology: Topology) -> tuple[Node, ...]:
    """The nodes on other Docker hosts: the cluster's, and those that follow it."""
    return (*topology.remote_nodes, *topology.standby)


def prepared_on(topology: Topology, hosts: Iterable[str]) -> Topology:
    """``topology`` with a standby cluster of one node on each of ``hosts``, none of whose ports moves."""
    found, made = {node.host: node for node in topology.standby}, topology
    for host in (wanted := list(hosts)):
        if host not in found:
            found[host] = Node(name=host, host=host, ordinal=made.free_ordinal())
            made = replace(made, standby=(*made.standby, found[host]))
    return replace(made, standby=tuple(found[host] for host in wanted))


def moved_to(topology: Topology, primary: str) -> Topology:
    """``topology`` with the nodes of its standby cluster for its own, of which Patroni made ``primary`` that."""
    return replace(topology, engine="patroni", nodes=topology.standby, primary=primary, standby=(), handover=None)


def returning_on(topology: Topology, count: int) -> Topology:
    """``topology``, of which Patroni decides, with ``count`` nodes that are being made on this engine."""
    made = topology
    names = iter((FIRST_PRIMARY, *(f"replica{number}" for number in range(1, 1000))))
    while len(made.local_nodes) < count:
        name = next(name for name in names if name not in made.servers)
        made = replace(made, nodes=(*made.nodes, Node(name=name, ordinal=made.free_ordinal(), state="joining")))
    return made


def followers(topology: Topology) -> tuple[str, ...]:
    """Nodes of this engine that follow a cluster of which Patroni decides, until it returns to them."""
    return topology.local_names if topology.engine == "patroni" else ()


def without_followers(topology: Topology) -> Topology:
    """``topology`` where nobody prepares a return."""
    return replace(topology, nodes=topology.remote_nodes) if topology.engine == "patroni" else topology


def returned(topology: Topology) -> Topology:
    """``topology`` with its nodes of this engine for its own, and those on hosts as the cluster that follows them."""
    here = tuple(replace(node, state="member") for node in topology.local_nodes)
    return replace(
        topology, engine="local", nodes=here, primary=here[0].name, standby=topology.remote_nodes, handover=None
    )
