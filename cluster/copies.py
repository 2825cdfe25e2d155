"""Copies: servers beside the cluster, in data restored to some moment, thrown away when they were looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cluster.errors import RefusedError

if TYPE_CHECKING:
    from cluster.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One of them; no node, whatever it holds. ``ordinal`` gives the host port, counted with those of the nodes.

    ``backup`` and ``lsn`` say what it was restored from and up to where; ``newest`` when the newest transaction in it
    was committed (Unix seconds), None where recovery saw none.
    """

    name: str
    ordinal: int
    writable: bool = False
    backup: str = ""
    lsn: str = ""
    newest: float | None = None


def wrong_copies(raw: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What JSON could hold and a copy cannot, beside what is true of every server."""
    if not all(type(copy["writable"]) is bool for copy in raw):
        yield "a copy is neither writable nor not"
    elif not all(isinstance(copy[field], str) for copy in raw for field in ("backup", "lsn")):
        yield "a copy's origin is not a text"
    elif not all(copy["newest"] is None or type(copy["newest"]) in (int, float) for copy in raw):
        yield "a copy's newest commit is not a time"
    elif any(copy["ordinal"] == 0 for copy in raw):
        yield "a copy has the first primary's ordinal"


def find_copy(topology: "Topology", name: str) -> Copy:
    """The copy called ``name``.

    Raises:
        RefusedError: there is none.
    """
    for copy in topology.copies:
        if copy.name == name:
            return copy
    known = ", ".join(copy.name for copy in topology.copies) or "none"
    raise RefusedError(f"there is no copy {name!r}", f"the copies are: {known}")


def new_copy(topology: "Topology", name: str, *, writable: bool) -> Copy:
    """A copy that may be added: on the lowest free port, from which neither node nor copy ever moves.

    Raises:
        RefusedError: the name is taken, reserved or malformed.
    """
    return Copy(name=topology.check_free(name), ordinal=topology.free_ordinal(), writable=writable)


def with_copy(topology: "Topology", copy: Copy) -> "Topology":
    """The topology with one more copy."""
    return replace(topology, copies=(*topology.copies, copy))


def without_copy(topology: "Topology", name: str) -> "Topology":
    """The topology without the copy ``name``."""
    return replace(topology, copies=tuple(copy for copy in topology.copies if copy.name != name))
