"""What a guide is given: the nodes that it follows, and the entries of PgBouncer's that lead to the primary. Pure."""

from cluster.config.docker_hosts import NODE_PORT, PATRONI_PORT
from cluster.config.settings import Settings
from cluster.guide_config import GuideConfig, GuideMember
from cluster.naming import write_pools
from cluster.pgbouncer import LEADER_VERIFIERS
from cluster.roles import HOME
from cluster.sizing import Derived
from cluster.topology import Topology, host_ports
from compose.render.pgbouncer_ini import VERIFIERS_SETTINGS, home_settings, pool_settings, shared_sizes


def guide_config(settings: Settings, topology: Topology, derived: Derived) -> GuideConfig:
    """Of every PgBouncer with a guide."""
    sizes = shared_sizes(settings, topology)
    pools = {
        pool: pool_settings(database, sizes[database.name], derived, LEADER_VERIFIERS)
        for database in settings.declared.databases
        for pool in write_pools(database.name)
    }
    return GuideConfig(
        members=guide_members(settings, topology),
        pools=pools | {HOME: home_settings(LEADER_VERIFIERS)},
        verifiers={LEADER_VERIFIERS: VERIFIERS_SETTINGS},
    )


def guide_members(settings: Settings, topology: Topology) -> tuple[GuideMember, ...]:
    """The nodes, as they are reached from other Docker hosts; a node of this engine at the port that it publishes."""
    ports, agent = host_ports(settings, topology), PATRONI_PORT if topology.engine == "patroni" else 0
    return tuple(
        GuideMember(name=node.name, port=NODE_PORT if node.host else ports[node.name], agent=agent)
        for node in topology.nodes
        if node.state != "joining"
    )
