"""What insight reads of servers, as values: each class has the columns of one of cluster/queries/insight_*.sql. Pure.

Ages of transaction ids are in transactions, sizes in bytes, times in Unix seconds, all else in seconds. ``name``,
``table`` and ``definition`` are SQL as the server writes it, with its quotes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.insight.report import Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCounters:
    """Settings and counters of one node; ``vacuuming`` are autovacuum's workers at work, the latest for that long."""

    in_recovery: bool
    taken: float
    next_xid: int | None
    statistics_since: float | None
    checkpoints_since: float | None
    checkpoints_timed: int
    checkpoints_requested: int
    max_wal_size: int
    work_mem: int
    max_connections: int
    reserved_connections: int
    io_timing: bool
    autovacuum: bool
    autovacuum_workers: int
    vacuum_threshold: int
    vacuum_scale_factor: float
    freeze_max_age: int
    connections: int
    vacuuming: int
    vacuuming_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseCounters:
    """What a node counts of a database; ``counted_since`` None: since the node counts at all."""

    database: str
    commits: int
    rollbacks: int
    temp_files: int
    temp_bytes: int
    counted_since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonHolder:
    """Who keeps old row versions: a session, a standby, a slot (of rows, or of catalogs alone) or a prepared one.

    ``name`` is the session's application, the standby, the slot or the global id; ``began`` when its session did.
    """

    held_by: str
    database: str
    pid: int
    role: str
    name: str
    state: str
    seconds: float
    age: int
    began: float
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSession:
    """A session that waits for a lock, or holds one that somebody waits for; of the latter ``lock`` is "".

    ``seconds``: how long it has waited, or how long its transaction has run.
    """

    pid: int
    database: str
    role: str
    application: str
    state: str
    seconds: float
    lock: str
    query: str
    began: float
    blocked_by: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInsight:
    """What one node shows of all its databases."""

    counters: NodeCounters
    databases: tuple[DatabaseCounters, ...] = ()
    waits: tuple[Wait, ...] = ()
    locked: tuple[LockedSession, ...] = ()
    holders: tuple[HorizonHolder, ...] = ()

    def counted_since(self, database: str) -> float | None:
        """Since when the node has counted what is used in ``database``; None where nobody knows.

        One that was never reset is as old as the node's oldest counters, which a crash or a new clone begins anew.
        """
        known = self.counters.statistics_since
        own = next((each.counted_since for each in self.databases if each.database == database), None)
        return known if known is None or own is None else max(known, own)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """A table with its TOAST; ``rows`` and ``bytes`` are what vacuum and analyze wrote down, ``rows`` -1 before."""

    oid: int
    name: str
    bytes: int
    rows: float
    frozen_age: int
    dead: int
    live: int
    options: tuple[str, ...]
    vacuumed: float | None
    analyzed: float | None
    vacuuming: bool
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedIndex:
    """An index that the primary has not scanned; ``parts`` are its partitions, or itself alone; ``made_at`` a full
    transaction id, that of its latest definition."""

    oid: int
    parts: tuple[int, ...]
    name: str
    table: str
    bytes: int
    definition: str
    partitioned: bool
    expression: bool
    made_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPair:
    """An index, and another one that is the ``same`` or begins with it."""

    oid: int
    other_oid: int
    same: bool
    name: str
    other: str
    table: str
    bytes: int
    other_bytes: int
    definition: str
    other_definition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidIndex:
    """An index that nobody works on and nobody can use; ``leftover`` of a REINDEX, ``written``: kept up to date."""

    oid: int
    name: str
    table: str
    bytes: int
    definition: str
    leftover: bool
    written: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceState:
    """A sequence and the column it feeds, "" where none is known; ``value`` None: it was never used.

    ``column_most`` is what the column's type can hold, None where that ends nothing.
    """

    name: str
    table: str
    column: str
    identity: bool
    column_most: int | None
    type: str
    least: int
    most: int
    step: int
    cycles: bool
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCounters:
    """What a node counts of a table or an index: scans (of a table, from end to end), and rows read by them."""

    oid: int
    scans: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseInsight:
    """What is in one database, as its primary has it; ``counters`` by node and oid.

    ``free_bytes`` by oid of the few tables of which it was read. ``sequences_unread``: so many more than were read;
    ``sequences_error``: why none was.
    """

    tables: tuple[TableState, ...] = ()
    unused: tuple[UnusedIndex, ...] = ()
    pairs: tuple[IndexPair, ...] = ()
    invalid: tuple[InvalidIndex, ...] = ()
    sequences: tuple[SequenceState, ...] = ()
    sequences_unread: int = 0
    sequences_error: str = ""
    counters: Mapping[str, Mapping[int, ObjectCounters]] = field(default_factory=dict)
    free_bytes: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionMark:
    """Which full transaction id was the next, at what time: what was made before is at least as old."""

    at: float
    xid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightReading:
    """All of it at one moment. ``members`` are the nodes there should be; who is missing in ``nodes`` did not answer.

    ``unread`` says by node, or by database, in one line why it could not be read. ``marks`` are of earlier days, where
    somebody kept them.
    """

    taken: float
    members: tuple[str, ...]
    nodes: Mapping[str, NodeInsight] = field(default_factory=dict)
    databases: Mapping[str, DatabaseInsight] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[TransactionMark, ...] = ()

    @property
    def primary(self) -> str:
        """The one node that takes writes, "" where there is none or more than one."""
        found = [name for name, node in self.nodes.items() if not node.counters.in_recovery]
        return found[0] if len(found) == 1 else ""

    @property
    def waits(self) -> tuple[Wait, ...]:
        """For what sessions wait now, on all nodes, the most waited for first."""
        found = [wait for node in self.nodes.values() for wait in node.waits]
        return tuple(sorted(found, key=lambda each: (-each.sessions, each.node, each.database, each.event)))
