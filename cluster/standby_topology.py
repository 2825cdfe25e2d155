"""A cluster whose nodes wait on other Docker hosts, and the same once it has moved to them. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from cluster.topology import Node, Topology


def spans_hosts(topology: Topology) -> bool:
    """Whether Patroni has nodes on hosts: those of the cluster, or such as follow it until it moves."""
    return topology.engine == "patroni" or bool(topology.standby)


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
