"""``data/topology.json``: the topology as a file; small, whole, replaced atomically, with a copy beside."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from cluster import documents
from cluster.config.server_settings import PROJECT_NAME
from cluster.errors import MachineError, RefusedError
from cluster.files import write_atomically
from cluster.images import STAMP
from cluster.naming import FIRST_PRIMARY, NODE_NAME, RESERVED
from cluster.topology import Copy, Node, Topology


def dump(topology: Topology) -> str:
    """The text of ``topology.json``."""
    return documents.dump(topology)


def parse(text: str) -> Topology:
    """Read what ``dump`` wrote.

    Raises:
        ValueError: it is not that; says what is wrong.
    """
    topology = documents.load(Topology, text, "a topology")
    for problem in chain(_wrong_fields(topology), _wrong_servers(topology), _wrong_builds(topology)):
        raise ValueError(problem)
    return topology


def _wrong_fields(topology: Topology) -> Iterator[str]:
    sizing = topology.sizing
    if not PROJECT_NAME.match(topology.project):
        yield "the project has a bad name"
    if min(sizing.memory, sizing.disk, sizing.nodes) < 0:
        yield "a size is negative"


def _wrong_builds(topology: Topology) -> Iterator[str]:
    for build in (topology.images, topology.images_before):
        if build is not None and build.stamp and not STAMP.match(build.stamp):
            yield "the images' stamp is not a time"
    if topology.images is not None and topology.images.base != topology.image_base:
        yield "the images do not stand on the base they should"


def _wrong_servers(topology: Topology) -> Iterator[str]:
    servers: tuple[Node | Copy, ...] = (*topology.nodes, *topology.standby, *topology.copies)
    names, ordinals = [server.name for server in servers], [server.ordinal for server in servers]
    if not all(NODE_NAME.match(name) for name in names):
        yield "a node has a bad name"
    if set(names) & (RESERVED - {FIRST_PRIMARY}):
        yield "a node has a reserved name"
    if len(set(names)) != len(names):
        yield "two nodes have one name"
    if not all(0 <= ordinal < 10_000 for ordinal in ordinals):
        yield "a node's ordinal is out of range"
    if len(set(ordinals)) != len(ordinals):
        yield "two nodes have one ordinal"
    if topology.primary not in topology.names:
        yield "the primary is not among the nodes"
    elif topology.engine == "local" and topology.node(topology.primary).host:
        yield "the primary is on another host"
    if any(copy.ordinal == 0 for copy in topology.copies):
        yield "a copy has no port of its own"


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
