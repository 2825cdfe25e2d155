"""What hurts, of all that was read: the worst first. Pure."""

from cluster.insight.blocking import judge_blocking
from cluster.insight.findings import InsightFinding, ordered
from cluster.insight.horizon import judge_horizon
from cluster.insight.indexes import UNUSED_SECONDS, judge_indexes, why_not_judged
from cluster.insight.readings import InsightReading
from cluster.insight.sequences import judge_sequences
from cluster.insight.tables import judge_tables
from cluster.insight.workload import judge_workload

KINDS = (
    "autovacuum",
    "bloat",
    "blocking",
    "checkpoints",
    "connections",
    "dead_rows",
    "duplicate_index",
    "horizon",
    "invalid_index",
    "io_timing",
    "redundant_index",
    "rollbacks",
    "sequence",
    "sequential_scans",
    "temp_files",
    "unused_index",
    "wraparound",
)
"""Every kind of finding there is: labels of a metric."""
NODE_KINDS = frozenset({"autovacuum", "blocking", "checkpoints", "connections", "io_timing", "rollbacks", "temp_files"})
"""Those that nodes show without a look into databases."""


_MOST_NAMES = 3


def judge(reading: InsightReading, unused_seconds: float = UNUSED_SECONDS) -> tuple[InsightFinding, ...]:
    """Every finding, the worst first; nothing of what could not be read.

    An index is unused where every node has counted for ``unused_seconds`` and none has scanned it.
    """
    return ordered(
        [
            *judge_blocking(reading),
            *judge_horizon(reading),
            *judge_tables(reading),
            *judge_indexes(reading, unused_seconds),
            *judge_sequences(reading),
            *judge_workload(reading),
        ]
    )


def unjudged(reading: InsightReading, unused_seconds: float = UNUSED_SECONDS) -> tuple[str, ...]:
    """What nobody can say of databases that were read, each in one line, however many they are."""
    found: dict[str, list[str]] = {}
    for database, each in sorted(reading.databases.items()):
        lines = (
            why_not_judged(reading, database, unused_seconds),
            f"how far sequences are cannot be read: {each.sequences_error}" if each.sequences_error else "",
            f"{each.sequences_unread} more sequences were not read" if each.sequences_unread else "",
        )
        for line in filter(None, lines):
            found.setdefault(line, []).append(database)
    return tuple(f"{_some(databases)}: {line}" for line, databases in found.items())


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
