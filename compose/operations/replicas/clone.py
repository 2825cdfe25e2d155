"""Cloning a replica from its source, with progress; what was there before is moved aside, never deleted."""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster.errors import PodsError, RefusedError
from cluster.naming import slot_of
from cluster.observed.snapshot import Snapshot
from cluster.postgres.connection import connect, fetch_one
from cluster.postgres.lsn import Lsn
from cluster.progress import transfer_text
from cluster.slots import create_slot
from cluster.units import human_size
from cluster.waiting import attempts
from compose.console import Console, Progress
from compose.home import node_data
from compose.operations import preflight
from compose.operations.steps import Step
from compose.stack import Stack

_POLL_SECONDS = 0.5
"""Seconds between two reads of a clone's progress."""
SOURCE_LAG = 16 << 20
"""Bytes: a replica further behind is not chosen as a source."""
_SOURCE_SECONDS = 15.0
"""How long a source may take to replay up to where the new slot holds WAL."""


@dataclass(frozen=True, slots=True)
class CloneSource:
    """Where a clone is copied from: which node, and at most how fast (``100M`` a second; empty: no limit)."""

    node: str
    rate: str = ""


def healthiest_source(stack: Stack, snapshot: Snapshot, node: str) -> str:
    """The replica that is least behind, to spare the primary; the primary where no replica is close enough."""
    lags = {name: snapshot.lag_bytes(name) for name in stack.topology.in_state("member") if name != node}
    near = {
        name: lag for name, lag in lags.items() if lag is not None and lag <= SOURCE_LAG and _streams(snapshot, name)
    }
    return min(near, key=lambda name: near[name]) if near else stack.topology.primary


def _streams(snapshot: Snapshot, name: str) -> bool:
    facts = snapshot.nodes[name].facts
    return facts is not None and facts.receiver_status == "streaming"


def clone_steps(stack: Stack, console: Console, node: str, reason: str = "") -> Iterator[Step]:
    """Clone ``node`` from the primary, for `up`; ``reason`` says why data that is there is replaced.

    Undone, the replica has the data and the container that it had.
    """
    check_room(stack, node)
    source = CloneSource(stack.topology.primary)
    if reason:
        kept = aside_path(stack, stack.home.node(node))
        console.warn(f"{node} is cloned anew, because {reason}; its old data is kept in {kept}")
        yield replacement(stack, node, kept)
    yield Step(f"Reserving WAL in slot {slot_of(node)}", lambda _: _reserve(stack, node), quiet=True)
    directory = stack.home.node(node)
    yield Step(
        f"Cloning {node} from {source.node}",
        lambda step: run_clone(stack, step, node, source),
        lambda: node_data.remove_contents(directory),
    )


def replacement(stack: Stack, node: str, kept: Path) -> Step:
    """Stop a replica and move its data aside; undone, it runs again on its old data, as well as it did."""
    directory, had_container = stack.home.node(node), node in stack.containers()

    def do(step: Progress) -> None:
        remove_container(stack, node, step)
        if node_data.present(directory):
            move_data(stack, node, kept)
            step.result = f"kept in {kept}"

    def undo() -> None:
        node_data.put_back(kept, directory)
        if had_container:
            stack.compose.run("up", "--detach", "--no-deps", node)

    return Step(f"Stopping {node} and moving its old data aside", do, undo)


def _reserve(stack: Stack, node: str) -> None:
    """A slot that is there and holds its WAL stays as it is."""
    create_slot(stack.superuser(stack.topology.primary), slot_of(node))


def run_clone(stack: Stack, step: Progress, node: str, source: CloneSource) -> None:
    """Copy ``source.node``'s data for ``node``; the node's slot on the primary must exist already."""
    from_primary = source.node == stack.topology.primary
    if not from_primary:
        _wait_for_source(stack, step, node, source.node)
    slot = slot_of(node) if from_primary else "-"
    with CloneWatch(stack, node, source.node, step):
        stack.compose.job(node, ["clone", node, source.node, slot, source.rate or "-"], step)


def _wait_for_source(stack: Stack, step: Progress, node: str, source: str) -> None:
    """A copy must not begin before the WAL that the slot holds, or the new replica could not go on from it."""
    with connect(stack.superuser(stack.topology.primary)) as connection:
        held = fetch_one(connection, "slot_start", lambda held_from: Lsn.parse(held_from), [slot_of(node)])
    with connect(stack.monitor(source)) as connection:
        for left in attempts(_SOURCE_SECONDS, _POLL_SECONDS):
            at = fetch_one(connection, "replayed", lambda lsn: Lsn.parse(lsn))
            if at is None or not held or at >= held:
                return
            behind = human_size(held - at)
            if not left:
                raise RefusedError(
                    f"{source} is too far behind to be cloned from ({behind} to replay)",
                    "give --source primary, or wait",
                )
            step.update(f"{source} has {behind} to replay first")


def remove_container(stack: Stack, service: str, step: Progress | None = None) -> None:
    """Stop and remove a service's container, if there is one."""
    arguments = ("rm", "--stop", "--force", service)
    if service in stack.containers():
        stack.compose.follow(step, *arguments) if step else stack.compose.run(*arguments)


def aside_path(stack: Stack, directory: Path) -> Path:
    """Where a server's data that is replaced now is kept: in data/.aside, or on the disk that its directory is on."""
    aside = node_data.beside(stack.home, directory, stack.home.aside.name)
    return aside / f"{directory.name}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"


def keep_aside(stack: Stack, names: Iterable[str]) -> list[str]:
    """Move the data of nodes aside that have no container any more, and their directories away; where it is now."""
    kept = []
    for name in names:
        directory = stack.home.node(name)
        if node_data.present(directory):
            where = aside_path(stack, directory)
            node_data.set_aside(stack.home, directory, where)
            kept.append(str(where))
        node_data.remove_empty(directory)
    return kept


def move_data(stack: Stack, node: str, kept: Path) -> None:
    """Move a stopped node's data to ``kept``."""
    node_data.set_aside(stack.home, stack.home.node(node), kept)


def check_room(stack: Stack, node: str) -> None:
    """Refuse a clone that does not fit on the disk, or cannot take the place of what is there."""
    node_data.beside(stack.home, stack.home.node(node), stack.home.aside.name)
    with connect(stack.superuser(stack.topology.primary)) as connection:
        size = fetch_one(connection, "database_size", lambda bytes: int(bytes)) or 0
    free = preflight.free_disk(stack.home.node(node))
    if size + preflight.NEEDED_FREE > free:
        raise RefusedError(
            f"the clone of {node} takes {human_size(size)}, and {human_size(free)} are free in {stack.home.node(node)}",
            "free some space (.aside holds replaced data), then run this again",
        )


class CloneWatch:
    """Shows a running clone's progress in its step, from its source's own view of it."""

    def __init__(self, stack: Stack, node: str, source: str, step: Progress) -> None:
        self._access = stack.monitor(source)
        self._name = f"clone_{node}"
        self._step = step
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(5)

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(_POLL_SECONDS):
            try:
                with connect(self._access) as connection:
                    progress = fetch_one(connection, "clone_progress", CloneProgress, [self._name])
            except PodsError:
                continue
            if progress:
                self._step.update(progress.text(time.monotonic() - began))


class CloneProgress:
    """A row of pg_stat_progress_basebackup: bytes sent, bytes in all (an estimate, absent at first)."""

    def __init__(self, *, phase: str, done: int | None, total: int | None) -> None:
        self.phase = phase
        self.done = done
        self.total = total

    def text(self, seconds: float) -> str:
        """``45 % (3.2 GB of 7.1 GB), 120.0 MB/s, 33 s left``."""
        if not self.total or not self.done or seconds <= 0:
            return self.phase
        return transfer_text(self.done, self.total, seconds)
