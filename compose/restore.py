"""`inv backup.restore`: into a directory, in place of this cluster's data, or as a cluster on a host that has none.

In place nothing is deleted: the cluster stops, the backup is restored beside the data, and only when it is whole do the
two change places. What was there stays in data/.aside. Until then every step can be taken back.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.control import PGDATA
from cluster.errors import RefusedError, UsageError
from cluster.topology import save
from compose.backups import ask, run_apart
from compose.clone import aside_path, move_data
from compose.console import Console, Step
from compose.console import ask as confirm
from compose.home import make_private_directory, service_user
from compose.lock import exclusive
from compose.stack import POOLER, Stack, reopened
from compose.steps import Task, perform
from compose.up import Wanted, up

_WORKSHOP = ".restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to restore: a backup by name, a target (kind "" where its form tells), a timeline, a store, a cluster."""

    name: str = "latest"
    to: str = "latest"
    kind: str = ""
    timeline: str = ""
    store: str = ""
    system: str = ""

    @property
    def arguments(self) -> list[str]:
        """For the service."""
        given = {"--name": self.name, "--to": self.to, "--kind": self.kind, "--timeline": self.timeline}
        given |= {"--store": self.store, "--system": self.system}
        return [part for option, text in given.items() if text for part in (option, text)]


def wish(name: str, targets: Mapping[str, str | None], immediate: bool, **rest: str | None) -> Wish:
    """What was asked for on the command line; at most one target.

    Raises:
        UsageError: more than one.
    """
    given = {kind: text for kind, text in targets.items() if text is not None}
    if immediate:
        given["immediate"] = "immediate"
    if len(given) > 1:
        raise UsageError("there are two targets: " + " and ".join(f"--to-{kind}" for kind in given), "give one")
    kind, to = next(iter(given.items()), ("", "latest"))
    return Wish(name=name or "latest", to=to, kind=kind, **{key: text or "" for key, text in rest.items()})


def show_plan(stack: Stack, console: Console, wanted: Wish) -> dict[str, Any]:
    """Ask whether it can be done, and say what it will do."""
    plan: dict[str, Any] = ask(stack, console, "Looking for a way there", "plan", *wanted.arguments)
    for line in plan["lines"]:
        console.note(line)
    return plan


def restore_into(stack: Stack, console: Console, wanted: Wish, directory: Path) -> dict[str, Any]:
    """Restore into a new or empty directory of this host; PostgreSQL's data directory is 18/docker below it.

    Raises:
        RefusedError: it is not empty, or the restore cannot be done; nothing was touched.
    """
    directory = directory.absolute()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise RefusedError(f"{directory} is not empty", "give a new directory, or an empty one")
    show_plan(stack, console, wanted)
    existed = directory.exists()
    make_private_directory(directory)
    try:
        done: dict[str, Any] = run_apart(
            stack, console, f"Restoring into {directory}", [(directory, "/restore")], "restore", *wanted.arguments
        )
    except BaseException:
        _empty(directory, remove=not existed)
        raise
    return done | {"directory": str(directory / PGDATA)}


def restore_in_place(stack: Stack, console: Console, wanted: Wish, *, yes: bool) -> dict[str, Any]:
    """Replace the cluster's data by a backup's, after asking for the cluster's name.

    Raises:
        RefusedError: not confirmed, or it cannot be done; nothing was touched.
    """
    with exclusive(stack.home.lock, "backup.restore"):
        stack = reopened(stack)
        show_plan(stack, console, wanted)
        project = stack.topology.project
        question = f"This stops {project!r} and replaces the data of all its nodes; what is there now is kept aside."
        if not confirm(question, yes=yes, expect=project):
            raise RefusedError("nothing was changed: the cluster's name was not confirmed", f"type {project}, or --yes")
        swap = _Swap(stack, console, wanted)
        perform(swap.tasks(), console)
    up(stack.home, stack.settings, console, Wanted())
    return swap.done


class _Swap:
    """The steps that put a backup in the place of the data of all nodes."""

    def __init__(self, stack: Stack, console: Console, wanted: Wish) -> None:
        self.stack, self.console, self.wanted = stack, console, wanted
        self.workshop = stack.home.data / _WORKSHOP
        self.moved: dict[str, Path] = {}
        self.done: dict[str, Any] = {}

    @property
    def serving(self) -> list[str]:
        """What serves clients, in the order of stopping: nobody writes what would be lost."""
        return [POOLER, self.stack.topology.primary, *(node.name for node in self.stack.topology.replicas)]

    def tasks(self) -> list[Task]:
        """All of them."""
        primary = self.stack.home.node(self.stack.topology.primary)
        return [
            Task("Stopping PgBouncer and the nodes", self._halt, self._start),
            Task(f"Restoring into {self.workshop}", self._restore, self._discard),
            Task(f"Moving the old data to {self.stack.home.aside}", self._aside, self._back),
            Task(f"Putting the restored data into {primary}", self._place, self._displace),
        ]

    def _halt(self, step: Step) -> None:
        self.stack.compose.follow(step, "stop", *self.serving)

    def _start(self) -> None:
        self.stack.compose.run("up", "--detach", "--no-deps", *reversed(self.serving))

    def _restore(self, step: Step) -> None:
        shutil.rmtree(self.workshop, ignore_errors=True)
        make_private_directory(self.workshop)
        self.done = run_restore(self.stack, step, self.workshop, self.wanted)

    def _discard(self) -> None:
        shutil.rmtree(self.workshop, ignore_errors=True)

    def _aside(self, _: Step) -> None:
        for name in self.stack.topology.names:
            if (self.stack.home.node(name) / PGDATA).exists():
                self.moved[name] = aside_path(self.stack, name)
                move_data(self.stack, name, self.moved[name])

    def _back(self) -> None:
        for name, kept in self.moved.items():
            if kept.exists():
                kept.rename(self.stack.home.node(name) / PGDATA)

    def _place(self, _: Step) -> None:
        place(self.stack, self.workshop)

    def _displace(self) -> None:
        data = self.stack.home.node(self.stack.topology.primary) / PGDATA
        if data.exists():
            data.rename(self.workshop / "displaced")


def run_restore(stack: Stack, step: Step, directory: Path, wanted: Wish) -> dict[str, Any]:
    """Restore into ``directory``, with the superuser's password as it is in this cluster's secrets."""
    password = stack.home.secrets / "superuser_password"
    lent = directory.parent / f"{directory.name}.password"
    shutil.copyfile(password, lent)
    lent.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(lent, *service_user())
    mounts = [(directory, "/restore"), (lent, "/run/secrets/superuser_password:ro")]
    try:
        done: dict[str, Any] = run_apart(
            stack, _Quiet(step), step.title, mounts, "restore", "--passwords", *wanted.arguments
        )
    finally:
        lent.unlink(missing_ok=True)
    return done


class _Quiet(Console):
    """Shows the progress of a container in a step that is open already."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._step = step

    def live(self, text: str) -> None:
        """Behind the open step's title."""
        self._step.update(text.split(": ", 1)[-1])

    def line(self, text: str) -> None:
        """Nothing: the open step has its own beginning and end."""


def place(stack: Stack, workshop: Path) -> None:
    """Make the restored data the primary's. One rename: it is there whole, or not at all."""
    target = stack.home.node(stack.topology.primary) / PGDATA
    make_private_directory(stack.home.node(stack.topology.primary))
    make_private_directory(target.parent)
    (workshop / PGDATA).rename(target)
    shutil.rmtree(workshop)


def rebuild(stack: Stack, console: Console, wanted: Wish) -> dict[str, Any]:
    """Make a cluster from a store alone, on a host that has none; ``stack`` is prepared and has no data.

    The system identifier goes into the topology before any data is there: should this be interrupted, `up` will make no
    new cluster in its place.
    """
    with exclusive(stack.home.lock, "backup.restore"):
        plan = show_plan(stack, console, wanted)
        from dataclasses import replace

        topology = replace(stack.topology, system_identifier=plan["system"])
        save(stack.home.topology, stack.home.topology_copy, topology)
        stack = stack.with_topology(topology)
        workshop = stack.home.data / _WORKSHOP
        make_private_directory(workshop)
        with console.step(f"Restoring into {workshop}") as step:
            done = run_restore(stack, step, workshop, wanted)
        place(stack, workshop)
    up(stack.home, stack.settings, console, Wanted())
    return done


def _empty(directory: Path, *, remove: bool) -> None:
    """What a failed restore left in a directory that was empty."""
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if remove:
        directory.rmdir()
