"""Cloning a replica from its source, with progress; what was there before is moved aside, never deleted."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from cluster.control import PGDATA
from cluster.errors import MachineError, PodsError
from cluster.naming import slot_of
from cluster.postgres import connect, execute, fetch_one, literal
from cluster.units import human_seconds, human_size
from compose import preflight
from compose.console import Console, Step
from compose.stack import Stack

_LOOK_EVERY = 0.5
"""Seconds between two looks at a clone's progress."""


def clone(stack: Stack, console: Console, node: str, reason: str = "") -> None:
    """Clone ``node`` from the primary through its slot.

    Args:
        stack: the cluster.
        console: told what happens.
        node: the replica; its container must not run unless ``reason`` is given.
        reason: why data that is there is replaced; the container is stopped and the data moved aside first.
    """
    _check_room(stack, node)
    if reason:
        _move_aside(stack, console, node, reason)
    primary = stack.topology.primary
    with console.step(f"Cloning {node} from {primary}") as step, CloneWatch(stack, node, step):
        stack.compose.job(node, ["clone", primary, slot_of(node)], step)


def renew_slot(stack: Stack, console: Console, node: str) -> None:
    """Give a replica that lost its place in the WAL a new one; its next clone begins there."""
    stop(stack, console, node)
    with connect(stack.superuser(stack.topology.primary)) as connection:
        execute(connection, "drop_slot", slot=literal(slot_of(node)))
        execute(connection, "create_slot", slot=literal(slot_of(node)))


def stop(stack: Stack, console: Console, service: str) -> None:
    """Stop and remove a service's container."""
    with console.step(f"Stopping {service}") as step:
        stack.compose.follow(step, "rm", "--stop", "--force", service)


def _move_aside(stack: Stack, console: Console, node: str, reason: str) -> Path:
    kept = stack.home.aside / f"{node}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    console.warn(f"{node} is cloned anew, because {reason}; its old data is kept in {kept}")
    stop(stack, console, node)
    stack.home.aside.mkdir(mode=0o700, exist_ok=True)
    (stack.home.node(node) / PGDATA).rename(kept)
    return kept


def _check_room(stack: Stack, node: str) -> None:
    with connect(stack.superuser(stack.topology.primary)) as connection:
        size = fetch_one(connection, "database_size", lambda bytes: int(bytes)) or 0
    free = preflight.free_disk(stack.home.data)
    if size + preflight.NEEDED_FREE > free:
        raise MachineError(
            f"the clone of {node} takes {human_size(size)}, and {human_size(free)} are free below {stack.home.data}",
            "free some space (data/.aside holds replaced data), then run inv up",
        )


class CloneWatch:
    """Shows a running clone's progress in its step, from the primary's own view of it."""

    def __init__(self, stack: Stack, node: str, step: Step) -> None:
        self._stack = stack
        self._node = node
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
        while not self._ended.wait(_LOOK_EVERY):
            try:
                with connect(self._stack.superuser(self._stack.topology.primary)) as connection:
                    progress = fetch_one(connection, "clone_progress", CloneProgress, [slot_of(self._node)])
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
        rate, left = self.done / seconds, max(0, self.total - self.done)
        share = f"{min(100, 100 * self.done // self.total)} % ({human_size(self.done)} of {human_size(self.total)})"
        return f"{share}, {human_size(rate)}/s, {human_seconds(left / rate)} left"
