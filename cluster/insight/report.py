"""The report of insight: what people and programs get to see. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.insight.findings import InsightFinding
from cluster.insight.statements import RankedStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Sessions of a node that wait for the same thing now; ``event`` as `pg_stat_activity` names it."""

    node: str
    database: str
    event: str
    sessions: int
    longest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedSession:
    """A line of a tree of sessions, each of which waits for a lock of the one above; at ``depth`` 0 it waits for none.

    ``query`` is others' text, and may be one of a statement that has ended (``state`` idle in transaction).
    """

    node: str
    database: str
    pid: int
    role: str
    application: str
    state: str
    seconds: float
    depth: int
    lock: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightReport:
    """All of it at one moment. Times are Unix seconds; ``since`` and ``until`` bound what statements are counted over.

    ``compared_since`` is where the span before begins, of the same length, None where nothing is known of it.
    ``unread`` says by node or database, in one line, why it could not be read.
    """

    since: float
    until: float
    compared_since: float | None
    statements: Mapping[str, tuple[RankedStatement, ...]] = field(default_factory=dict)
    waits: tuple[Wait, ...] = ()
    blocking: tuple[BlockedSession, ...] = ()
    findings: tuple[InsightFinding, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)
