"""`inv backup.restore`: into a directory, or in place of this cluster's data."""

import secrets
from dataclasses import replace
from pathlib import Path

from cluster.errors import MachineError, RefusedError
from cluster.files import LOST_AND_FOUND, Directory
from cluster.postgres.data_directory import PGDATA
from cluster.units import human_size
from compose.console import Console, ask
from compose.home.paths import make_private_directory
from compose.operations.backups import sandbox
from compose.operations.backups.client import call
from compose.operations.backups.replace_data import ReplaceData, await_archive, staging_of
from compose.operations.backups.request import RestorePlan, RestoreRequest, RestoreResult
from compose.operations.home_identity import changing, refuse_elsewhere
from compose.operations.preflight import free_disk
from compose.operations.promotion.recorded_change import record_restore
from compose.operations.steps import perform
from compose.operations.up import DesiredCluster, up
from compose.stack import Stack


def show_plan(stack: Stack, console: Console, wanted: RestoreRequest, target: Path | None = None) -> RestorePlan:
    """Ask whether it can be done, and say what it will do.

    Raises:
        PodsError: it cannot; nothing was touched.
    """
    found = call(stack, console, "Looking for a way there", "plan", *wanted.arguments)
    plan = RestorePlan(
        lines=tuple(found["lines"]), space=found["space"], system=found["system"], backup=found["backup"]
    )
    for line in plan.lines:
        console.note(line)
    room = target or stack.home.data
    if (free := free_disk(room)) < plan.space:
        message = f"the restore may need {human_size(plan.space)}, and {human_size(free)} are free below {room}"
        if target is not None:
            hint = "free some space (data/.aside holds replaced data), or choose a directory on another disk"
            raise MachineError(message, hint)
        console.warn(message)
    return plan


def restore_into(stack: Stack, console: Console, wanted: RestoreRequest, directory: Path) -> RestoreResult:
    """Restore into a new or empty directory of this host; PostgreSQL's data directory is 18/docker below it.

    Raises:
        RefusedError: it is not empty, or the restore cannot be done; nothing was touched.
    """
    directory = directory.resolve()  # the user's own path, and where it leads to
    taken = directory.exists() and not directory.is_dir()
    if taken or (directory.exists() and any(each.name != LOST_AND_FOUND for each in directory.iterdir())):
        raise RefusedError(f"{directory} is not empty", "give a new directory, or an empty one")
    if not directory.parent.is_dir():
        raise RefusedError(f"{directory.parent} does not exist", "make it first: a mistyped path must not be filled")
    wanted = show_plan(stack, console, wanted, directory).pin(wanted)
    existed = directory.exists()
    make_private_directory(directory)
    try:
        name = f"{stack.topology.project}-into-{secrets.token_hex(4)}"
        task = sandbox.Restore(directory, name, tuple(wanted.arguments))
        with console.step(f"Restoring into {directory}") as step:
            done = sandbox.restore(stack, step, task)
    except BaseException:
        with Directory.open(directory) as failed:
            failed.clear()
        if not existed:
            directory.rmdir()
        raise
    return replace(done, directory=directory / PGDATA)


def restore_in_place(stack: Stack, console: Console, wanted: RestoreRequest, *, yes: bool) -> RestoreResult:
    """Replace the cluster's data by a backup's, after asking for the cluster's name.

    Raises:
        RefusedError: not confirmed, or it cannot be done; nothing was touched.
    """
    with changing(stack, "backup.restore", builds=True) as stack:
        refuse_elsewhere(stack, "backup.restore --in-place")
        wanted = show_plan(stack, console, wanted, staging_of(stack).parent).pin(wanted)
        project = stack.topology.project
        question = f"This stops {project!r} and replaces the data of all its nodes; what is there now is kept aside."
        if not ask(question, yes=yes, expect=project):
            raise RefusedError("nothing was changed: the cluster's name was not confirmed", f"type {project}, or --yes")
        if elsewhere := [node.name for node in stack.topology.remote_nodes]:
            raise RefusedError(
                f"{', '.join(elsewhere)} is on another host, and would go on with the data of before",
                f"inv replica.remove {elsewhere[0]} first, and add it again afterwards",
            )
        operation = ReplaceData(stack, console, wanted)
        perform(operation.steps(), console)
        note_restore(stack, console, operation.done)
    stack = up(stack.home, stack.settings, console, DesiredCluster())
    await_archive(stack, console)
    return replace(operation.done, aside=operation.moved)


def note_restore(stack: Stack, console: Console, done: RestoreResult) -> None:
    """The journal says what the primary's data was made from."""
    if unnoted := record_restore(stack, f"from backup {done.backup}", done.lsn, "inv backup.restore"):
        console.warn(unnoted)
