"""Backfill: WAL that the primary has removed is received from another node, which the archive's slot made keep it.

After a failover the new primary may have less WAL than a standby, or than the old primary that has become one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backup.layout import segment_start
from backup.timelines import Lineage, WalPosition, lineage_of, next_position
from backup.wal.pipeline import Pipeline
from backup.wal.slots import read_slot
from backup.wal.streaming import Stream
from cluster.errors import PodsError, RefusedError
from cluster.postgres.connection import Access
from cluster.postgres.failures import ServerError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import Replication, replicate

REMOVED = "58P01"
"""SQLSTATE undefined_file: the requested WAL was removed (PostgreSQL documentation, appendix A)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingWal:
    """WAL from ``start`` to before ``end``, of the timeline that the primary is on."""

    lineage: Lineage
    start: WalPosition
    end: Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillResult:
    """``resume``: the position after what was received; None where no node has the first of it.

    Then ``refusals`` holds each node's error, and ``later`` the positions from which some of them do have WAL.
    """

    resume: WalPosition | None = None
    refusals: tuple[str, ...] = ()
    later: tuple[Lsn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillSource:
    """All nodes but the primary, and the archive's slot, which says from where on a node keeps WAL."""

    nodes: Mapping[str, Access]
    slot: str
    go_on: Callable[[], bool]
    """Called about every second: false ends it."""
    progress: Callable[[str], None]


def backfill(wanted: MissingWal, source: BackfillSource, pipeline: Pipeline) -> BackfillResult:
    """Receive ``wanted`` from the first node that has it, or as much of it as that one has."""
    refusals: list[str] = []
    later: list[Lsn] = []
    for node, access in source.nodes.items():
        try:
            with replicate(access, node=node) as server:
                try:
                    return BackfillResult(resume=_receive(server, wanted, source, pipeline))
                except ServerError as error:
                    refusals.append(str(error))
                    later += _later(server, wanted, source.slot, pipeline.spool.segment_size)
        except PodsError as error:
            refusals.append(str(error))
    return BackfillResult(refusals=tuple(refusals), later=tuple(later))


def _later(server: Replication, wanted: MissingWal, slot: str, segment_size: int) -> list[Lsn]:
    _, restart = read_slot(server, slot)
    start = segment_start(restart, segment_size) if restart else wanted.end
    return [start] if wanted.start.lsn < start < wanted.end else []


def _receive(server: Replication, wanted: MissingWal, source: BackfillSource, pipeline: Pipeline) -> WalPosition:
    """Stream from one node, without a slot: its slot's position is not ours to move.

    Raises:
        PodsError: it has nothing of what is wanted, or is not of this lineage.
    """
    size = pipeline.spool.segment_size
    end = min(_end(server, wanted, pipeline.spool.system), wanted.end)
    stream = Stream(server, pipeline, wanted.start, lambda: source.go_on() and stream.written < end)
    source.progress(stream.description)
    try:
        following = stream.run("")
    except PodsError:
        following = None
        if stream.written < wanted.start.lsn + size:
            raise
    if following is not None:
        return WalPosition(following.timeline, segment_start(following.lsn, size))
    reached = next_position(wanted.lineage, {wanted.start.timeline: stream.written}, size)
    if reached is None or reached <= wanted.start:
        raise RefusedError(f"{server.node} has WAL to {stream.written} only")
    return reached


def _end(server: Replication, wanted: MissingWal, system: str) -> Lsn:
    """The end of the node's WAL on this lineage.

    Raises:
        RefusedError: nowhere.
    """
    identity = server.identify()
    span = next((each for each in wanted.lineage if each.timeline == identity.timeline), None)
    foreign = identity.system_identifier != system
    if foreign or span is None or not _is_ours(server, identity.timeline, wanted.lineage):
        raise RefusedError(f"{server.node} is on timeline {identity.timeline} of another history")
    end = min(identity.flushed, span.end or identity.flushed)
    if end <= wanted.start.lsn:
        raise RefusedError(f"{server.node} has WAL to {end} only")
    return end


def _is_ours(server: Replication, timeline: int, lineage: Lineage) -> bool:
    """Whether the node's history of that timeline is the one in our lineage."""
    text = server.command(f"TIMELINE_HISTORY {timeline}")[0][1] if timeline > 1 else ""
    theirs = lineage_of(text or "", timeline)
    return [(each.timeline, each.start) for each in theirs] == [
        (each.timeline, each.start) for each in lineage[: len(theirs)]
    ]
