"""How the changes of the primary look on a terminal and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.errors import PodsError
from cluster.history import Journal, PrimaryChange, branch_points, merge
from cluster.units import human_seconds, utc
from compose.home.primary_journal import read_histories, read_journal
from compose.operations.hosts.failover_journal import unnoted_failovers
from compose.operations.hosts.fleet import Fleet
from compose.report.pools import Cell
from compose.report.status import table
from compose.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReport:
    """Every known change of the primary, oldest first; ``notes`` say what could not be read."""

    primary: str
    changes: tuple[PrimaryChange, ...]
    notes: tuple[str, ...]


def history_report(stack: Stack) -> HistoryReport:
    """The journal, and what it lacks from the history files in the primary's data; on hosts Patroni knows that."""
    journal, unread = _journal(stack)
    if stack.topology.engine == "local":
        files, missing = _files(stack)
        changes = merge(journal.changes, branch_points(files))
    else:
        more, missing = _failovers(stack)
        changes = (*journal.changes, *more)
    return HistoryReport(primary=stack.topology.primary, changes=changes, notes=(*unread, *missing))


def _failovers(stack: Stack) -> tuple[list[PrimaryChange], list[str]]:
    """What Patroni changed by itself, and nobody has noted yet."""
    try:
        return unnoted_failovers(Fleet(stack, {})), []
    except (OSError, PodsError) as error:
        return [], [f"what Patroni changed by itself since is left out: {error}"]


def _journal(stack: Stack) -> tuple[Journal, list[str]]:
    path = stack.home.journal
    try:
        journal = read_journal(stack.home)
    except OSError as error:
        return Journal(), [f"{path} cannot be read: {error.strerror}"]
    count = journal.unreadable
    lines, are = ("a line", "is") if count == 1 else (f"{count} lines", "are")
    return journal, [f"{lines} of {path} cannot be read, and {are} left out"] if count else []


def _files(stack: Stack) -> tuple[Mapping[int, str], list[str]]:
    try:
        return read_histories(stack.home, stack.topology.primary), []
    except (OSError, PodsError) as error:
        return {}, [f"PostgreSQL's history files are left out: {error}"]


def print_history(report: HistoryReport) -> None:
    """A line per change, the oldest first."""
    head = ["since (UTC)", "primary", "TL", "event", "before", "at LSN", "clients waited", "by", "reason"]
    table(head, [_cells(change) for change in report.changes])
    for note in report.notes:
        print(f"  note: {note}")


def _cells(change: PrimaryChange) -> list[Cell]:
    since = None if change.at is None else utc(change.at)
    waited = None if change.gap_seconds is None else human_seconds(change.gap_seconds)
    first = [since, change.primary, change.timeline, change.event, change.before, change.lsn, waited]
    return [*first, change.by or None, change.reason or None]
