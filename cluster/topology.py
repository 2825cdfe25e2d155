"""The desired cluster: which nodes there shall be and which of them is the primary.

Lives in ``data/topology.json``: small, whole, replaced atomically. Everything else (Compose file, PostgreSQL and
PgBouncer configuration) is rendered from it and the settings. What PostgreSQL and Docker say *is* never stored here.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self, get_args

from cluster.copies import Copy, wrong_copies
from cluster.errors import MachineError, RefusedError
from cluster.files import write_atomically
from cluster.images import Build, read_build, wrong_build
from cluster.naming import FIRST_PRIMARY, NODE_NAME, RESERVED, check_node_name, next_replica_name, replica_ports
from cluster.settings import PROJECT_NAME, Settings, fixed_ports

FORMAT = 1
Role = Literal["primary", "replica"]
NodeState = Literal["joining", "catching_up", "member", "leaving"]
"""A replica on its way: being made (no pool yet), streaming but behind (its own pool), a member, on its way out."""
STATES: tuple[NodeState, ...] = get_args(NodeState)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One PostgreSQL server. ``ordinal`` 0 is the first primary; the others count up and give the host port."""

    name: str
    ordinal: int
    state: NodeState = "member"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What the derived settings were derived from, at the first `up`: bytes of memory, bytes of free disk, nodes."""

    memory: int
    disk: int
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The nodes in order of their ordinals, the primary's name, the copies beside them, and what was decided once.

    ``system_identifier`` is PostgreSQL's own, empty until the primary's data was made: from then on data that does
    not carry it is never started and an empty directory is never initialised again.
    ``image_base`` is the base image, empty until chosen at the first `up`; ``images`` what the last update made, and
    ``images_before`` what can be gone back to; ``lift_memlock`` is whether this engine may lift the limit on locked
    memory, which io_uring counts against.
    """

    project: str
    nodes: tuple[Node, ...]
    primary: str
    sizing: Sizing
    image_source: str = ""
    image_base: str = ""
    system_identifier: str = ""
    lift_memlock: bool = False
    copies: tuple[Copy, ...] = ()
    images: Build | None = None
    images_before: Build | None = None

    @classmethod
    def first(cls, settings: Settings, sizing: Sizing) -> Self:
        """The cluster of the first `up`: a primary and the configured number of replicas."""
        nodes = (Node(name=FIRST_PRIMARY, ordinal=0),)
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
        """Every PostgreSQL server's name: the nodes', and those of the copies beside them."""
        return (*self.names, *(copy.name for copy in self.copies))

    def role(self, name: str) -> Role:
        """The role ``name`` shall have."""
        return "primary" if name == self.primary else "replica"

    def node(self, name: str) -> Node:
        """The node called ``name``.

        Raises:
            RefusedError: there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise RefusedError(f"there is no node {name!r}", "the nodes are: " + ", ".join(self.names))

    def in_state(self, *states: NodeState) -> tuple[str, ...]:
        """Names of the replicas that are in one of ``states``."""
        return tuple(node.name for node in self.replicas if node.state in states)

    def with_state(self, name: str, state: NodeState) -> Self:
        """This topology with ``name`` in another state."""
        changed = replace(self.node(name), state=state)
        return replace(self, nodes=tuple(changed if node.name == name else node for node in self.nodes))

    def remove(self, name: str) -> Self:
        """This topology without the replica ``name``.

        Raises:
            RefusedError: there is none, or it is the primary.
        """
        if self.node(name).name == self.primary:
            raise RefusedError(f"{name} is the primary and cannot be removed", "only replicas can")
        return replace(self, nodes=tuple(node for node in self.nodes if node.name != name))

    def add(self, name: str | None = None, state: NodeState = "member") -> Self:
        """This topology with one more replica: ``name``, or the lowest free ``replicaN``.

        Raises:
            RefusedError: the name is taken, reserved or malformed.
        """
        name = self.check_free(name or next_replica_name(self.servers))
        node = Node(name=name, ordinal=self.free_ordinal(), state=state)
        return replace(self, nodes=tuple(sorted((*self.nodes, node), key=lambda node: node.ordinal)))

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
        taken = {*(node.ordinal for node in self.nodes), *(copy.ordinal for copy in self.copies)}
        return next(n for n in range(1, len(taken) + 2) if n not in taken)


def host_ports(settings: Settings, topology: Topology) -> dict[str, int]:
    """Host port of every node, of every copy and of every other service that listens."""
    fixed = {name.removesuffix("_port"): port for name, port in fixed_ports(settings).items()}
    reserved = set(fixed.values())
    servers: tuple[Node | Copy, ...] = (*topology.nodes, *topology.copies)
    highest = max(server.ordinal for server in servers)
    ordered = list(islice(replica_ports(settings.replica_port, reserved), highest))
    if len(ordered) < highest:
        raise RefusedError(
            f"the ports from PODS_REPLICA_PORT={settings.replica_port} up do not suffice for {highest} replicas",
            "set PODS_REPLICA_PORT in .env to a lower port",
        )
    ports = {n.name: ordered[n.ordinal - 1] if n.ordinal else settings.primary_port for n in servers}
    return ports | {service: port for service, port in fixed.items() if service != FIRST_PRIMARY}


def dump(topology: Topology) -> str:
    """The text of ``topology.json``."""
    return json.dumps({"format": FORMAT, **asdict(topology)}, indent=2) + "\n"


def parse(text: str) -> Topology:
    """Read what ``dump`` wrote.

    Raises:
        ValueError: it is not that; says what is wrong.
    """
    raw = json.loads(text)
    found = raw.pop("format", None) if isinstance(raw, dict) else None
    if found != FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        raise ValueError(f"made by a newer PODS (format {found})" if newer else f"not a topology of format {FORMAT}")
    try:
        nodes = tuple(Node(**node) for node in raw.pop("nodes"))
        copies = tuple(Copy(**copy) for copy in raw.pop("copies", ()))
        builds = {name: read_build(raw.pop(name)) for name in ("images", "images_before") if raw.get(name) is not None}
        topology = Topology(nodes=nodes, sizing=Sizing(**raw.pop("sizing")), copies=copies, **(raw | builds))
    except (KeyError, TypeError) as error:
        raise ValueError(f"a field is missing or unknown: {error}") from None
    told = asdict(topology)
    for problem in (*_wrong_fields(told), *_wrong_nodes(told), *wrong_copies(told["copies"]), *_wrong_builds(topology)):
        raise ValueError(problem)
    return topology


def _wrong_fields(raw: dict[str, Any]) -> Iterator[str]:
    """What JSON could hold and a topology cannot, beside its nodes."""
    texts = [raw[name] for name in ("project", "system_identifier", "image_source", "image_base")]
    if not all(isinstance(text, str) for text in texts):
        yield "a name is not a text"
    elif not PROJECT_NAME.match(raw["project"]):
        yield "the project has a bad name"
    elif not all(type(size) is int and size >= 0 for size in raw["sizing"].values()):
        yield "a size is not a number"
    elif type(raw["lift_memlock"]) is not bool:
        yield "lift_memlock is neither true nor false"


def _wrong_builds(topology: Topology) -> Iterator[str]:
    for build in (topology.images, topology.images_before):
        if build is not None:
            yield from wrong_build(build)
    if topology.images is not None and topology.images.base != topology.image_base:
        yield "the images do not stand on the base they should"


def _wrong_nodes(raw: dict[str, Any]) -> Iterator[str]:
    servers = (*raw["nodes"], *raw["copies"])
    names, ordinals = ([server[field] for server in servers] for field in ("name", "ordinal"))
    if not all(isinstance(name, str) and NODE_NAME.match(name) for name in names):
        yield "a node has a bad name"
    elif set(names) & (RESERVED - {FIRST_PRIMARY}):
        yield "a node has a reserved name"
    elif len(set(names)) != len(names):
        yield "two nodes have one name"
    elif not all(type(ordinal) is int and 0 <= ordinal < 10_000 for ordinal in ordinals):
        yield "a node's ordinal is not a number"
    elif len(set(ordinals)) != len(ordinals):
        yield "two nodes have one ordinal"
    elif any(node["state"] not in STATES for node in raw["nodes"]):
        yield "a node is in no known state"
    elif raw["primary"] not in [node["name"] for node in raw["nodes"]]:
        yield "the primary is not among the nodes"


def load(path: Path) -> Topology | None:
    """The topology in ``path``, or None where there is no such file.

    Raises:
        RefusedError: it is corrupt; a copy is put beside it and it is left as it is.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error}") from None
    try:
        return parse(raw.decode("utf-8"))
    except ValueError as error:  # a UnicodeDecodeError is one
        aside = path.with_suffix(".corrupt.json")
        if not aside.exists():
            write_atomically(aside, raw)
        raise RefusedError(
            f"{path} is corrupt: {error}",
            f"nothing was changed; a copy is in {aside.name}: mend the file, "
            "or restore it from rendered/services/topology.json",
        ) from None


def save(path: Path, copy: Path, topology: Topology) -> None:
    """Write the topology whole, or not at all, where it differs; then its copy, for the day the first is damaged."""
    text = dump(topology)
    for target in (path, copy):
        if not target.exists() or target.read_bytes() != text.encode():
            write_atomically(target, text)
