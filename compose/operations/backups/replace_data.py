"""Replacing the data of all nodes by a backup, as steps with undo.

Nothing is deleted: the cluster stops, the backup is restored beside the data, and only when it is whole do the two
change places. What was there stays in data/.aside. Killed at any moment, this leaves either the old cluster, which
`inv up` starts, or none, and then the same restore once more makes the new one.
"""

import time
from dataclasses import replace
from pathlib import Path

from cluster.backup_status import STATUS_FILE, ArchiveStatus, parse_status
from cluster.endpoints import POOLER
from cluster.errors import RefusedError, TimedOutError
from cluster.postgres.data_directory import DataDirectory, read_data_directory
from cluster.postgres.lsn import Lsn
from cluster.postgres.scram import make_verifier
from cluster.topology_file import save
from cluster.units import human_seconds
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.engine import containers
from compose.home import node_data
from compose.home.paths import make_private_directory, read_backup_state
from compose.operations.backups.request import RestoreRequest, RestoreResult
from compose.operations.backups.staging import StagingDirectory
from compose.operations.replicas.clone import aside_path, move_data
from compose.operations.steps import Step
from compose.stack import Stack

_UP = ("running", "restarting")
"""States of a container that is up, or soon will be by itself."""
_FRESH_SECONDS = 10.0
"""A state of the archive that is older says nothing of now."""
_SPARE_SECONDS = 30.0
"""Beyond the interval of the tail, how long the store may take for the last of the WAL."""


def staging_of(stack: Stack) -> Path:
    """Staging directory of a restore in place, on the disk of the primary's data."""
    return node_data.beside(stack.home, stack.home.node(stack.topology.primary), node_data.STAGING)


class ReplaceData:
    """One restore in place."""

    def __init__(self, stack: Stack, console: Console, wanted: RestoreRequest) -> None:
        self.stack, self.console, self.wanted = stack, console, wanted
        self.staging = staging_of(stack)
        self.running: list[str] = []
        self.moved: dict[str, Path] = {}
        self.done = RestoreResult(backup="", lsn="")

    def steps(self) -> list[Step]:
        """All of them."""
        primary = self.stack.home.node(self.stack.topology.primary)
        return [
            Step("Waiting until the archive follows the primary", self._follows),
            Step("Stopping PgBouncer and the nodes", self._halt, self._start),
            Step("Waiting until the archive has the last WAL", self._archived),
            Step(f"Restoring into {self.staging}", self._restore, self._discard),
            Step("Moving the old data aside", self._aside, self._back),
            Step(f"Putting the restored data into {primary}", self._install, self._uninstall),
        ]

    def _halt(self, step: Progress) -> None:
        """What serves clients: nobody writes what would be lost."""
        topology, known = self.stack.topology, self.stack.containers()
        serving = [POOLER, topology.primary, *(node.name for node in topology.replicas)]
        self.running = [name for name in serving if name in known and known[name].status in _UP]
        if self.running:
            self.stack.compose.follow(step, "stop", *self.running)

    def _start(self) -> None:
        if self.running:
            self.stack.compose.run("up", "--detach", "--no-deps", *reversed(self.running))

    def _follows(self, _: Progress) -> None:
        """What the archive does not receive before the primary stops would be missing from the newest moment."""
        known = self.stack.containers().get(self.stack.topology.primary)
        if self.wanted.to != "latest" or known is None or known.status != "running":
            return
        wait_until(
            lambda: _not_following(_archive(self.stack)),
            timeout=_SPARE_SECONDS,
            what="the archive does not follow the primary, whose last WAL would be lost",
            hint="see inv logs --service backup; nothing was touched. To go back all the same, give a target",
        )

    def _archived(self, _: Progress) -> None:
        """The store must have all that a primary wrote that was stopped cleanly, or it is started again."""
        primary = self.stack.topology.primary
        data = _read(self.stack, primary) if self.wanted.to == "latest" and primary in self.running else None
        if data is None or data.state != "shut down":
            return
        wait_until(
            lambda: _unarchived(_archive(self.stack), self.wanted.store, data),
            timeout=self.stack.settings.backup_tail_seconds + _SPARE_SECONDS,
            what="the last WAL is not in the store",
            hint="see inv logs --service backup. To go back all the same, give a target",
        )

    def _restore(self, step: Progress) -> None:
        self.done = restore_into_staging(self.stack, step, self.wanted)

    def _discard(self) -> None:
        node_data.remove(self.staging)

    def _aside(self, _: Progress) -> None:
        """Replicas first: while the primary's data is in its place, `up` makes them anew."""
        topology = self.stack.topology
        for name in (*(node.name for node in topology.replicas), topology.primary):
            if node_data.present(self.stack.home.node(name)):
                self.moved[name] = aside_path(self.stack, self.stack.home.node(name))
                move_data(self.stack, name, self.moved[name])

    def _back(self) -> None:
        for name, kept in self.moved.items():
            node_data.put_back(kept, self.stack.home.node(name))

    def _install(self, _: Progress) -> None:
        """The timeline of what is restored is its own; `up` takes it from there."""
        topology = replace(self.stack.topology, timeline=0)
        save(self.stack.home.topology, self.stack.home.topology_copy, topology)
        self.stack = self.stack.with_topology(topology)
        install(self.stack)

    def _uninstall(self) -> None:
        make_private_directory(self.staging)
        node_data.put_out(self.stack.home.node(self.stack.topology.primary), self.staging, "displaced")


def restore_into_staging(stack: Stack, step: Progress, wanted: RestoreRequest) -> RestoreResult:
    """Restore beside the data, with the superuser's password as it is in this cluster's secrets.

    Only what stands for it in the server is told: restored data is not to be trusted with more.
    """
    staging = StagingDirectory(staging_of(stack), stack.topology.project + containers.RESTORE)
    return staging.restore(stack, step, wanted, "--passwords", stdin=make_verifier(stack.passwords["superuser"]))


def install(stack: Stack) -> None:
    """Make the restored data the primary's. One rename: it is there whole, or not at all."""
    directory = stack.home.node(stack.topology.primary)
    make_private_directory(directory)
    node_data.put_in(staging_of(stack), directory)
    node_data.remove(staging_of(stack))


def _unarchived(state: ArchiveStatus | None, store: str, data: DataDirectory) -> str:
    """What a store lacks of the WAL of a primary that was shut down, in words; "" when it has all.

    The last record is the checkpoint of the shutdown; ``data`` says where it begins.
    """
    if state is None or state.timeline != data.timeline:
        return f"nothing of timeline {data.timeline} was received"
    for one in state.stores:
        if store in ("", one.name) and (not one.archived or Lsn.parse(one.archived) <= data.checkpoint):
            return f"{one.name} has WAL up to {one.archived or 'nothing'}, and the primary stopped at {data.checkpoint}"
    return ""


def _not_following(state: ArchiveStatus | None) -> str:
    if state is None or time.time() - state.updated > _FRESH_SECONDS:
        return "the backup service says nothing"
    return "" if state.streaming else state.error or "it does not stream"


def _read(stack: Stack, node: str) -> DataDirectory | None:
    try:
        return read_data_directory(stack.home.node(node))
    except ValueError:
        return None


def await_archive(stack: Stack, console: Console) -> None:
    """Until the archive goes on on the timeline of the restored data: only then may it be restored once more."""
    data = read_data_directory(stack.home.node(stack.topology.primary))
    assert data is not None
    patience = stack.settings.backup_tail_seconds + _SPARE_SECONDS
    with console.step(f"Waiting until the archive goes on on timeline {data.timeline}") as step:
        try:
            wait_until(
                lambda: _not_going_on(_archive(stack), data.timeline), timeout=patience, what="it did not", hint=""
            )
        except TimedOutError as error:
            console.warn(f"the archive does not go on after {human_seconds(patience)}: {error.message}")
            step.result = "not yet; see inv logs --service backup"


def _not_going_on(state: ArchiveStatus | None, timeline: int) -> str:
    if state is None or not state.streaming or state.timeline < timeline:
        return (state and state.error) or "no WAL of it was received"
    return next((f"{one.name} has nothing of it" for one in state.stores if not one.archived or one.waiting), "")


def _archive(stack: Stack) -> ArchiveStatus | None:
    try:
        return parse_status(read_backup_state(stack.home, STATUS_FILE)).archive
    except (OSError, ValueError, RefusedError):
        return None
