"""The node that a backup is taken from: facts of each candidate, and the choice."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cluster.errors import PodsError, RefusedError
from cluster.postgres.connection import Access
from cluster.postgres.failures import ConnectError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import Replication, replicate

NEAR = 64 << 20
"""Bytes: a replica further behind the primary is not used, since its backup would be as old as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNode:
    """One server as it sees itself over a replication connection, which needs no right but to replicate."""

    name: str
    system_identifier: str
    timeline: int
    flushed: Lsn
    version: str
    in_recovery: bool
    checksums: bool
    summaries: bool
    wal_segment_size: int


def read_node(name: str, access: Access) -> SourceNode:
    """Read the facts of one node.

    Raises:
        PodsError: it does not answer.
    """
    with replicate(access, node=name) as connection:
        identity = connection.identify()
        return SourceNode(
            name=name,
            system_identifier=identity.system_identifier,
            timeline=identity.timeline,
            flushed=identity.flushed,
            version=_version(connection.server_version),
            in_recovery=_show(connection, "in_hot_standby") == "on",
            checksums=_show(connection, "data_checksums") == "on",
            summaries=_show(connection, "summarize_wal") == "on",
            wal_segment_size=_bytes(_show(connection, "wal_segment_size")),
        )


def _show(connection: Replication, parameter: str) -> str:
    return connection.command(f"SHOW {parameter}")[0][0] or ""


def _version(number: int) -> str:
    """``18.6`` of 180006."""
    return f"{number // 10000}.{number % 10000}"


def _bytes(shown: str) -> int:
    """``16MB`` or ``1GB``, the two units in which the server shows the size of a segment."""
    return int(shown[:-2]) << (30 if shown.endswith("GB") else 20)


def read_nodes(nodes: Mapping[str, Access], progress: Callable[[str], None]) -> tuple[SourceNode, ...]:
    """The facts of every node that answers; the error of another goes to ``progress``."""
    found = []
    for name, access in nodes.items():
        try:
            found.append(read_node(name, access))
        except PodsError as error:
            progress(f"{name} is left out: {error.message}")
    return tuple(found)


def choose(nodes: Iterable[SourceNode], primary: str) -> tuple[SourceNode, SourceNode]:
    """The node to take a backup from (a replica that keeps up, else the primary itself), and the primary.

    Raises:
        ConnectError: the primary does not answer: a replica's state cannot be judged then.
        RefusedError: what should be the primary is in recovery.
    """
    known = {node.name: node for node in nodes}
    if primary not in known:
        raise ConnectError(f"the primary {primary} does not answer", "a backup needs it; see inv status")
    first = known[primary]
    if first.in_recovery:
        raise RefusedError(f"{primary} is in recovery and is no primary", "see inv status")
    fit = [node for node in known.values() if _keeps_up(node, first)]
    return (max(fit, key=lambda node: node.flushed) if fit else first), first


def _keeps_up(node: SourceNode, primary: SourceNode) -> bool:
    """During a rolling update backups come from the primary, which is updated last.

    The next incremental backup may come from another node, whose WAL summaries an older release may have made. A full
    one that says of itself it is of the new release must not be before that.
    """
    same = (node.system_identifier, node.timeline, node.version) == (
        primary.system_identifier,
        primary.timeline,
        primary.version,
    )
    return node.in_recovery and same and node.flushed + NEAR >= primary.flushed
