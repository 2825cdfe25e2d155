"""Whether the data on disk is what the topology says, judged before anything starts.

After a loss of power, a restored home or a change by hand, the data of the nodes and ``data/topology.json`` may not fit
each other: an old copy of the primary's data, two that were exchanged, two that took writes. PostgreSQL would start on
any of them. What a standby has, its primary had written before: where the primary has less, it is not what it was.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cluster.errors import RefusedError
from cluster.files import Directory
from cluster.naming import slot_of
from cluster.postgres.data_directory import PGDATA, DataDirectory, read_data_directory
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_end import WalEnd, read_crc, read_wal_end
from cluster.postgres.wal_format import PAGE
from cluster.topology import Topology
from cluster.units import human_size
from compose.home.paths import Home

_HISTORY = re.compile(r"([0-9A-F]{8})\.history\Z")
_SEGMENT = 16 << 20
"""Bytes, as initdb has it."""
_UNTOUCHED = "nothing was touched, nothing was started"


@dataclass(frozen=True, slots=True)
class NodeHistory:
    """What one node's files say of what it has been through.

    ``end`` is that of its WAL, None where it cannot be found; ``slots`` are the replication slots in it; ``agrees`` is
    whether the primary's WAL has this node's last record where it is in this node's own (None: nobody knows).
    ``branch`` is the newest timeline that the primary has a history file of: its promotion is known by that first.
    """

    data: DataDirectory
    end: WalEnd | None = None
    slots: frozenset[str] = frozenset()
    agrees: bool | None = None
    branch: int = 0

    @property
    def timeline(self) -> int:
        """The newest that it has WAL of, or has begun."""
        return max(self.data.timeline, self.end.timeline if self.end else 0, self.branch)

    @property
    def lsn(self) -> Lsn:
        """How far it has come on that, at least: a record that goes on to another page ends behind that."""
        page = Lsn(self.data.replayed - self.data.replayed % PAGE)
        return max(self.data.checkpoint, self.end.lsn if self.end else page)


def check_histories(home: Home, topology: Topology) -> None:
    """Compare what the nodes' data has been through with the topology, and with each other.

    Raises:
        RefusedError: it does not fit; says what to choose from.
    """
    if _refusal(home, topology) is None:
        return
    refusal = _refusal(home, topology)  # servers that run write meanwhile: files of two moments need not fit
    if refusal is not None:
        raise refusal


def _refusal(home: Home, topology: Topology) -> RefusedError | None:
    found = read_histories(home, topology)
    directories = {name: str(home.node(name)) for name in topology.local_names}
    return next(ColdStart(topology, found, directories).refusals(), None)


def read_histories(home: Home, topology: Topology) -> dict[str, NodeHistory]:
    """Those of all nodes with data that is whole; the primary's last, which is ahead of what replicas have."""
    found = {
        node.name: each
        for node in topology.replicas
        if not node.host and (each := _read(home.node(node.name))) is not None
    }
    directory = home.node(topology.primary)
    primary = _read(directory)
    if primary is None:
        return found
    compared = {name: replace(each, agrees=_agrees(directory, primary.end, each.end)) for name, each in found.items()}
    return {**compared, topology.primary: replace(primary, branch=_branch(directory))}


def _branch(directory: Path) -> int:
    try:
        with Directory.open(directory) as opened, opened.enter(PGDATA / "pg_wal") as wal:
            return max((int(found[1], 16) for name in wal.names() if (found := _HISTORY.match(name))), default=0)
    except (OSError, RefusedError):
        return 0


def _read(directory: Path) -> NodeHistory | None:
    try:
        data = read_data_directory(directory)
    except ValueError:
        return None
    if data is None:
        return None
    try:
        with Directory.open(directory) as opened, opened.enter(PGDATA / "pg_replslot") as slots:
            names = frozenset(slots.names())
        with Directory.open(directory) as opened, opened.enter(PGDATA / "pg_wal") as wal:
            return NodeHistory(data, read_wal_end(data, wal), names)
    except (OSError, RefusedError):  # elsewhere, by a link, or damaged: the server will say so
        return NodeHistory(data)


def _agrees(directory: Path, whole: WalEnd | None, end: WalEnd | None) -> bool | None:
    """Whether the WAL in ``directory``, which ends at ``whole``, has the last record before ``end`` where it was."""
    if whole is None or end is None or not end.record or end.timeline != whole.timeline or end.record >= whole.lsn:
        return None
    try:
        with Directory.open(directory) as opened, opened.enter(PGDATA / "pg_wal") as wal:
            found = read_crc(wal, end.timeline, end.record)
    except (OSError, RefusedError):
        return None
    return None if found is None else found == end.crc


def _reach(own: NodeHistory, other: NodeHistory) -> Lsn:
    """How far ``other`` may be where it has nothing more than ``own``.

    Without its WAL only a position is known of it, and after a switch of segments that is the end of the segment.
    """
    return own.lsn if other.end is not None else Lsn(own.lsn + _SEGMENT - own.lsn % _SEGMENT)


class ColdStart:
    """The judgement. Pure.

    Args:
        topology: what shall be.
        histories: of each node that has data.
        directories: of each node, for people.
    """

    def __init__(
        self, topology: Topology, histories: Mapping[str, NodeHistory], directories: Mapping[str, str]
    ) -> None:
        self.topology, self.histories, self.directories = topology, histories, directories
        self.primary = topology.primary

    def refusals(self) -> Iterator[RefusedError]:
        """All that speaks against a start, the plainest first."""
        own = self.histories.get(self.primary)
        if own is None or own.data.recovering:  # it goes where its backup leads, on a timeline of its own
            return
        if own.data.standby and not self.topology.promoting:
            yield self._replicas_data()
            return
        yield from self._too_old(own)
        handover = self.topology.handover
        between = (self.primary, handover.source if handover else "")  # the old primary's goes on being made to follow
        for name, other in self.histories.items():
            if name not in between:
                yield from self._compare(own, name, other)

    def _replicas_data(self) -> RefusedError:
        primary, directory = self.primary, self.directories[self.primary]
        for name, other in self.histories.items():
            if not other.data.was_primary:
                continue
            if slot_of(primary) in other.slots:
                return RefusedError(
                    f"{directory} holds a replica's data and {self.directories[name]} the primary's, as if "
                    f"{name} had become the primary since data/topology.json was written",
                    f"{_UNTOUCHED}; was an old topology.json put back? rendered/services/topology.json is its copy. "
                    f"Else see docs/how-to/troubleshoot.md",
                )
            data = f"{self.directories[name]} {self.directories[name]}.other"
            return RefusedError(
                f"{directory} holds a replica's data and {self.directories[name]} the primary's: "
                "they seem to have been exchanged",
                f"{_UNTOUCHED}; to change them back: mv {data} && mv {directory} {self.directories[name]} && "
                f"mv {self.directories[name]}.other {directory}, then inv up",
            )
        return RefusedError(
            f"{directory} holds a replica's data, and this node is the primary",
            f"{_UNTOUCHED}; put the primary's data back, or see docs/how-to/troubleshoot.md",
        )

    def _too_old(self, own: NodeHistory) -> Iterator[RefusedError]:
        least, handover = self.topology.least_timeline, self.topology.handover
        if own.timeline < least:
            yield self._missing(
                f"is of timeline {own.timeline}, and the primary of this cluster has been on timeline {least}"
            )
        elif handover is not None and not handover.promoted and own.timeline == handover.timeline:
            if own.data.was_primary:
                yield self._missing(f"is not that of the standby that was to follow {handover.source}")
            elif own.end is not None and own.lsn + PAGE < Lsn.parse(handover.lsn):
                yield self._missing(f"ends at {own.lsn}, and it had replayed {handover.lsn} when it was chosen")

    def _compare(self, own: NodeHistory, name: str, other: NodeHistory) -> Iterator[RefusedError]:
        if other.timeline > own.timeline:
            yield self._missing(f"is of timeline {own.timeline}, and that of {name} of {other.timeline}", name)
        if other.timeline != own.timeline or self.topology.promoting:
            return
        if other.agrees is False or (other.data.was_primary and other.agrees is None):
            what = "both hold a primary's data" if other.data.was_primary else "went different ways"
            yield RefusedError(
                f"{self.primary} and {name} {what} of timeline {own.timeline}, and nobody knows which has what counts",
                self._choice(name, stays=True),
            )
        elif own.end is not None and other.lsn > _reach(own, other):
            lacking = human_size(other.lsn - own.lsn)
            yield self._missing(f"ends at {own.lsn}, and {name} has {lacking} more that it once had", name, stays=True)

    def _missing(self, why: str, name: str = "", *, stays: bool = False) -> RefusedError:
        directory = self.directories[self.primary]
        return RefusedError(f"the primary's newest data is missing: {directory} {why}", self._choice(name, stays=stays))

    def _choice(self, name: str, *, stays: bool) -> str:
        """What there is to choose from. ``name``, or the node that has come furthest, may have what counts.

        ``stays`` is whether the primary's data as it is would do, were it not for that node.
        """
        others = {each: history for each, history in self.histories.items() if each != self.primary}
        if not name and others:
            name = max(others, key=lambda each: (others[each].timeline, others[each].lsn))
        choice = f"{_UNTOUCHED}; choose: put the newer data back into {self.directories[self.primary]}"
        if not name:
            return f"{choice}, or restore a backup: inv backup.restore"
        choice += (
            f"; or go on with what {name} has: docker compose up --detach {name}, then inv failover --to {name} "
            "--accept-data-loss; or restore a backup"
        )
        return choice + (f"; or move {self.directories[name]} away and inv up, which goes without it" if stays else "")
