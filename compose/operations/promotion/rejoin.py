"""The data of the node that was the primary follows the new one: as it is, by pg_rewind, or else by a clone of `up`.

What it alone committed is listed, and its WAL kept aside, before anything is taken back in it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster.errors import PodsError
from cluster.postgres.data_directory import DataDirectory, read_data_directory
from cluster.postgres.lsn import Lsn
from cluster.postgres.timeline_history import parse_history
from cluster.postgres.wal_records import Commit, WalTail
from cluster.topology import Handover
from compose.console import Progress
from compose.home import node_data
from compose.home.primary_journal import read_histories
from compose.operations.promotion.common_wal import shared_until
from compose.operations.promotion.rewind import clear_unfinished, rewind
from compose.operations.promotion.wal_files import WalFiles
from compose.operations.replicas.clone import aside_path, move_data
from compose.stack import Stack

LISTED = "lost-commits.txt"
"""What was committed on the old primary alone, beside the WAL that has it."""


NO_DATA = "it has no data"


@dataclass(frozen=True, slots=True)
class _Divergence:
    """WAL that only the old primary has: from ``fork`` on."""

    files: WalFiles
    fork: Lsn
    tail: WalTail


def bring_back(stack: Stack, step: Progress, source: str, handover: Handover | None = None) -> str:
    """Make the data of ``source``, which was the primary, a standby's; ``handover`` is the one from it, if it is known.

    Returns:
        "", or why it is not one: then it is cloned anew.
    """
    directory = stack.home.node(source)
    if clear_unfinished(directory):
        move_data(stack, source, aside_path(stack, directory))
        return "its rewinding was interrupted"
    try:
        data = read_data_directory(directory)
    except ValueError as error:
        return f"its data is not whole: {error}"
    if data is None:
        return NO_DATA
    if data.standby or (handover is not None and _ends_at(data, handover)):
        node_data.make_standby(directory)
        return ""
    found = _divergence(stack, directory, data)
    if isinstance(found, str):
        return found
    if found.tail.end > found.fork:
        return _take_back(stack, step, source, found)
    node_data.make_standby(directory)
    return ""


def _ends_at(data: DataDirectory, handover: Handover) -> bool:
    """Whether it ends with the shutdown checkpoint that the new primary has replayed."""
    return data.state == "shut down" and str(data.checkpoint) == handover.lsn and data.timeline == handover.timeline


def _divergence(stack: Stack, directory: Path, data: DataDirectory) -> _Divergence | str:
    """What it has behind the place where the new primary's timeline left its own; or why nobody knows."""
    histories = read_histories(stack.home, stack.topology.primary)
    newest = max(histories, default=0)
    passed = {each.timeline: each.at for each in parse_history(histories.get(newest, ""))}
    fork = passed.get(data.timeline)
    if fork is None:
        return f"its timeline {data.timeline} is none that {stack.topology.primary} went through"
    if not shared_until(directory, data.timeline, stack.home.node(stack.topology.primary), newest, fork):
        return f"it went another way than {stack.topology.primary} before their timelines parted"
    files = WalFiles.of(directory, data.timeline)
    tail = None if files is None else files.tail(fork)
    if files is None or tail is None:
        return "its WAL cannot be read"
    return _Divergence(files, fork, tail)


def _take_back(stack: Stack, step: Progress, source: str, found: _Divergence) -> str:
    try:
        kept = _keep(stack, source, found)
    except OSError as error:
        return f"what it has alone cannot be kept beside it: {error.strerror}"
    lost = summary(found.tail.commits)
    step.result = f"{lost} on {source} alone; listed in {kept / LISTED}, the WAL beside it"
    try:
        rewind(stack, step, source)
    except PodsError as error:
        clear_unfinished(stack.home.node(source))
        return f"it cannot be rewound: {error.message}"
    return ""


def _keep(stack: Stack, source: str, found: _Divergence) -> Path:
    """What it has alone, as files beside; where that is."""
    directory, home = stack.home.node(source), stack.home
    kept = aside_path(stack, directory)
    kept = kept.with_name(f"{kept.name}-wal")
    found.files.keep(kept, home.data, found.fork, found.tail.end)
    node_data.keep_file(directory, home.data, kept / LISTED, listing(source, found.fork, found.tail))
    return kept


def summary(commits: tuple[Commit, ...]) -> str:
    """How many transactions, and from when to when."""
    if not commits:
        return "nothing was committed"
    times = [commit.when for commit in commits]
    word = "transaction was" if len(commits) == 1 else "transactions were"
    return f"{len(commits)} {word} committed from {_moment(min(times))} to {_moment(max(times))}"


def listing(source: str, fork: Lsn, tail: WalTail) -> str:
    """The text of the list."""
    lines = [
        f"{source} wrote WAL from {fork} to {tail.end} that the new primary never had: {summary(tail.commits)}.",
        "pg_waldump shows what they changed.",
        "",
        f"{'transaction':>12}  {'position':<18}  committed at",
        *(f"{each.transaction:>12}  {each.lsn!s:<18}  {_moment(each.when)}" for each in tail.commits),
    ]
    return "\n".join(lines) + "\n"


def _moment(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
