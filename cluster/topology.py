"""The desired cluster: which nodes there shall be and which of them is the primary.

Kept in ``data/topology.json`` (topology_file.py). Everything else (Compose file, PostgreSQL and PgBouncer
configuration) is rendered from it and the settings. What PostgreSQL and Docker say *is* never stored here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any, Literal, Self, get_args

from cluster.config.env_file import fixed_ports
from cluster.config.settings import Settings
from cluster.errors import RefusedError
from cluster.images import Build
from cluster.naming import FIRST_PRIMARY, check_node_name, next_replica_name, node_ports
from cluster.sizing import Sizing

Role = Literal["primary", "replica"]
NodeState = Literal["joining", "catching_up", "member", "leaving"]
"""A replica on its way: being made (no pool yet), streaming but behind (its own pool), a member, on its way out."""
ReadPool = Literal["shared", "own"]
"""Which pools lead to a replica: the one of all readers and its own, or its own alone."""
READ_POOLS: tuple[ReadPool, ...] = get_args(ReadPool)
PrimaryEngine = Literal["local", "patroni"]
"""Who decides which node is the primary."""
STATES: tuple[NodeState, ...] = get_args(NodeState)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One PostgreSQL server. ``ordinal`` counts up from 1 and gives its own host port, whatever its role.

    0 is the first node of a cluster of before, which had PODS_PRIMARY_PORT for itself; `up` gives it another one.
    ``pool`` counts while it is a replica. ``keeps_pool``: it was one, and the pool of its own stays while it is the
    primary, for whoever reads from it. ``host`` is the Docker host that it is on (config/hosts.toml), "" for this;
    ``sizing`` is what was measured there when it was added.
    """

    name: str
    ordinal: int
    state: NodeState = "member"
    pool: ReadPool = "shared"
    keeps_pool: bool = False
    host: str = ""
    sizing: Sizing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One server beside the cluster, in data restored to some moment: no node, whatever it holds.

    ``ordinal`` gives the host port, counted with those of the nodes. ``backup`` and ``lsn`` say what it was restored
    from and up to where; ``newest`` when the newest transaction in it was committed (Unix seconds), None where recovery
    saw none.
    """

    name: str
    ordinal: int
    writable: bool = False
    backup: str = ""
    lsn: str = ""
    newest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A change of the primary that was decided and is not finished. ``source`` was the primary, shut down at ``lsn``.

    ``lsn`` is that of its shutdown checkpoint, in ``timeline``: data that ends there can follow the new primary as it
    is. ``promoted`` is whether the new primary takes writes: until then it may be started as the standby it was.
    ``cause`` is why it was decided.
    """

    source: str
    lsn: str
    timeline: int
    promoted: bool = False
    cause: Literal["switchover", "failover"] = "switchover"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The nodes, the primary's name, the copies beside them, and what was decided once.

    ``system_identifier`` is PostgreSQL's own, empty until the primary's data was made: from then on data that does
    not carry it is never started and an empty directory is never initialised again.
    ``timeline`` is the newest that a primary of this cluster has begun, as far as is known: older data is no primary's.
    ``image_base`` is the base image, empty until chosen at the first `up`; ``images`` what the last update made, and
    ``images_before`` what can be gone back to; ``lift_memlock`` is whether this engine may lift the limit on locked
    memory, which io_uring counts against. ``engine`` is who decides which node is the primary: PODS itself (``local``),
    or Patroni, whose decision is observed; then ``primary`` is the one that was seen last. ``standby`` are the nodes on
    other hosts that Patroni keeps as a cluster which follows this one, until it moves to them.
    """

    project: str
    nodes: tuple[Node, ...]
    primary: str
    sizing: Sizing
    image_source: str = ""
    image_base: str = ""
    system_identifier: str = ""
    lift_memlock: bool = False
    timeline: int = 0
    copies: tuple[Copy, ...] = ()
    images: Build | None = None
    images_before: Build | None = None
    handover: Handover | None = None
    engine: PrimaryEngine = "local"
    standby: tuple[Node, ...] = ()

    @classmethod
    def first(cls, settings: Settings, sizing: Sizing) -> Self:
        """The cluster of the first `up`: a primary and the configured number of replicas, whose ports come first."""
        nodes = (Node(name=FIRST_PRIMARY, ordinal=settings.replicas + 1),)
        made = cls(project=settings.project, nodes=nodes, primary=FIRST_PRIMARY, sizing=sizing)
        for _ in range(settings.replicas):
            made = made.add()
        return made

    @property
    def build(self) -> Build:
        """The images there shall be."""
        return self.images or Build(base=self.image_base)

    def with_build(self, build: Build) -> Self:
        """This topology on other images; those it had are remembered."""
        return replace(self, image_base=build.base, images=build, images_before=self.build)

    @property
    def replicas(self) -> tuple[Node, ...]:
        """All nodes but the primary."""
        return tuple(node for node in self.nodes if node.name != self.primary)

    @property
    def names(self) -> tuple[str, ...]:
        """Every node's name."""
        return tuple(node.name for node in self.nodes)

    @property
    def servers(self) -> tuple[str, ...]:
        """Every PostgreSQL server's name: the nodes', those of the copies beside them, those that wait on hosts."""
        return (*self.names, *(copy.name for copy in self.copies), *(node.name for node in self.standby))

    def role(self, name: str) -> Role:
        """The role ``name`` shall have."""
        return "primary" if name == self.primary else "replica"

    @property
    def least_timeline(self) -> int:
        """The timeline that the primary's data has at least; 0 where none is known."""
        if self.handover is None:
            return self.timeline
        return max(self.timeline, self.handover.timeline + int(self.handover.promoted))

    @property
    def promoting(self) -> bool:
        """Whether the primary was chosen and does not yet take writes, as far as is known."""
        return self.handover is not None and not self.handover.promoted

    def node(self, name: str) -> Node:
        """The node called ``name``.

        Raises:
            RefusedError: there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise RefusedError(f"there is no node {name!r}", "the nodes are: " + ", ".join(self.names))

    @property
    def local_names(self) -> tuple[str, ...]:
        """Names of the nodes whose data is here."""
        return tuple(node.name for node in self.local_nodes)

    @property
    def local_nodes(self) -> tuple[Node, ...]:
        """Those on this engine."""
        return tuple(node for node in self.nodes if not node.host)

    @property
    def remote_nodes(self) -> tuple[Node, ...]:
        """Those on other Docker hosts."""
        return tuple(node for node in self.nodes if node.host)

    def in_state(self, *states: NodeState) -> tuple[str, ...]:
        """Names of the replicas that are in one of ``states``."""
        return tuple(node.name for node in self.replicas if node.state in states)

    def handed_over(self, target: str, handover: Handover) -> Self:
        """This topology with ``target`` as its primary, to be promoted; whoever reads from it goes on."""
        changed = self._with_node(replace(self.node(target), keeps_pool=True))
        return replace(changed, primary=target, handover=handover)

    def with_state(self, name: str, state: NodeState) -> Self:
        """This topology with ``name`` in another state."""
        return self._with_node(replace(self.node(name), state=state))

    def with_pool(self, name: str, pool: ReadPool) -> Self:
        """This topology with other pools that lead to ``name``."""
        return self._with_node(replace(self.node(name), pool=pool))

    def _with_node(self, changed: Node) -> Self:
        return replace(self, nodes=tuple(changed if node.name == changed.name else node for node in self.nodes))

    def remove(self, name: str) -> Self:
        """This topology without the replica ``name``.

        Raises:
            RefusedError: there is none, or it is the primary.
        """
        if self.node(name).name == self.primary:
            raise RefusedError(f"{name} is the primary and cannot be removed", "only replicas can")
        return replace(self, nodes=tuple(node for node in self.nodes if node.name != name))

    def add(self, name: str | None = None, state: NodeState = "member", pool: ReadPool = "shared", **at: Any) -> Self:
        """This topology with one more replica: ``name``, or the lowest free ``replicaN``; ``at``: its host and sizing.

        Raises:
            RefusedError: the name is taken, reserved or malformed.
        """
        name = self.check_free(next_replica_name(self.servers) if name is None else name)
        node = Node(name=name, ordinal=self.free_ordinal(), state=state, pool=pool, **at)
        others = sorted((*self.nodes[1:], node), key=lambda node: node.ordinal)
        return replace(self, nodes=(self.nodes[0], *others))

    def find_copy(self, name: str) -> Copy:
        """The copy called ``name``.

        Raises:
            RefusedError: there is none.
        """
        for copy in self.copies:
            if copy.name == name:
                return copy
        known = ", ".join(copy.name for copy in self.copies) or "none"
        raise RefusedError(f"there is no copy {name!r}", f"the copies are: {known}")

    def new_copy(self, name: str, *, writable: bool) -> Copy:
        """A copy that may be added: on the lowest free port, from which neither node nor copy ever moves.

        Raises:
            RefusedError: the name is taken, reserved or malformed.
        """
        return Copy(name=self.check_free(name), ordinal=self.free_ordinal(), writable=writable)

    def with_copy(self, copy: Copy) -> Self:
        """This topology with one more copy."""
        return replace(self, copies=(*self.copies, copy))

    def without_copy(self, name: str) -> Self:
        """This topology without the copy ``name``."""
        return replace(self, copies=tuple(copy for copy in self.copies if copy.name != name))

    def check_free(self, name: str) -> str:
        """``name``, if a server to be may be called that.

        Raises:
            RefusedError: the name is taken, reserved or malformed.
        """
        if check_node_name(name) in self.servers:
            if name in self.names:
                raise RefusedError(f"there is a node {name!r} already", "choose another name")
            hint = "choose another name, or take it away first: inv backup.discard"
            raise RefusedError(f"there is a copy {name!r} already", hint)
        return name

    def free_ordinal(self) -> int:
        """The lowest, and with it the lowest free port: nodes and copies count together."""
        return next(self.free_ordinals())

    def free_ordinals(self) -> Iterator[int]:
        """Those that no node and no copy has, from the lowest on."""
        taken = {*(node.ordinal for node in (*self.nodes, *self.standby)), *(copy.ordinal for copy in self.copies)}
        return (n for n in count(1) if n not in taken)

    def with_ordinal(self, name: str, ordinal: int) -> Self:
        """This topology with ``name`` at the port of another ordinal."""
        return self._with_node(replace(self.node(name), ordinal=ordinal))


_SERVICES = {"primary_port": "haproxy"}
"""Services whose ports have another name."""


def host_ports(settings: Settings, topology: Topology) -> dict[str, int]:
    """Host port of every node, of every copy and of every other service that listens."""
    fixed = {_SERVICES.get(name, name.removesuffix("_port")): port for name, port in fixed_ports(settings).items()}
    reserved = set(fixed.values())
    servers: tuple[Node | Copy, ...] = (*topology.nodes, *topology.standby, *topology.copies)
    highest = max(server.ordinal for server in servers)
    ordered = list(islice(node_ports(settings.replica_port, reserved), highest))
    if len(ordered) < highest:
        raise RefusedError(
            f"the ports from PODS_REPLICA_PORT={settings.replica_port} up do not suffice for {highest} nodes",
            "set PODS_REPLICA_PORT in .env to a lower port",
        )
    return fixed | {n.name: ordered[n.ordinal - 1] if n.ordinal else settings.primary_port for n in servers}
