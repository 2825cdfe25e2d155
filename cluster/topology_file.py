"""``data/topology.json``: the topology as a file; small, whole, replaced atomically, with a copy beside."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from cluster.config.env_file import PROJECT_NAME
from cluster.errors import MachineError, RefusedError
from cluster.files import write_atomically
from cluster.images import read_build, wrong_build
from cluster.naming import FIRST_PRIMARY, NODE_NAME, RESERVED
from cluster.sizing import Sizing
from cluster.topology import STATES, Copy, Node, Topology

FORMAT = 1


def dump(topology: Topology) -> str:
    """The text of ``topology.json``."""
    return json.dumps({"format": FORMAT, **asdict(topology)}, indent=2) + "\n"


def parse(text: str) -> Topology:
    """Read what ``dump`` wrote.

    Raises:
        ValueError: it is not that; says what is wrong.
    """
    raw = json.loads(text)
    format_ = raw.pop("format", None) if isinstance(raw, dict) else None
    if format_ != FORMAT:
        newer = isinstance(format_, int) and format_ > FORMAT
        raise ValueError(f"made by a newer PODS (format {format_})" if newer else f"not a topology of format {FORMAT}")
    try:
        nodes = tuple(Node(**node) for node in raw.pop("nodes"))
        copies = tuple(Copy(**copy) for copy in raw.pop("copies", ()))
        builds = {name: read_build(raw.pop(name)) for name in ("images", "images_before") if raw.get(name) is not None}
        topology = Topology(nodes=nodes, sizing=Sizing(**raw.pop("sizing")), copies=copies, **(raw | builds))
    except (KeyError, TypeError) as error:
        raise ValueError(f"a field is missing or unknown: {error}") from None
    found = asdict(topology)
    checks = (_wrong_fields(found), _wrong_nodes(found), _wrong_copies(found["copies"]), _wrong_builds(topology))
    for problem in chain.from_iterable(checks):
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


def _wrong_copies(raw: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What JSON could hold and a copy cannot, beside what is true of every server."""
    if not all(type(copy["writable"]) is bool for copy in raw):
        yield "a copy is neither writable nor not"
    elif not all(isinstance(copy[field], str) for copy in raw for field in ("backup", "lsn")):
        yield "a copy's origin is not a text"
    elif not all(copy["newest"] is None or type(copy["newest"]) in (int, float) for copy in raw):
        yield "a copy's newest commit is not a time"
    elif any(copy["ordinal"] == 0 for copy in raw):
        yield "a copy has the first primary's ordinal"


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
