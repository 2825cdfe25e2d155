"""`inv backup.restore`: one request, restored to where its target says."""

from pathlib import Path

from compose.console import Console
from compose.operations.backups.new_cluster import open_or_prepare, rebuild
from compose.operations.backups.request import RestoreRequest, RestoreResult, RestoreTarget
from compose.operations.backups.restore import restore_in_place, restore_into, show_plan
from compose.operations.copies.make_copy import restore_as_node


def restore_to(console: Console, wanted: RestoreRequest, target: RestoreTarget, *, yes: bool) -> RestoreResult | None:
    """Restore, or only show the plan (None). In place of a cluster that does not exist, one is made.

    Raises:
        PodsError: it cannot be done.
    """
    stack, exists = open_or_prepare(console, may_prepare=target.in_place or target.plan)
    if target.plan:
        show_plan(stack, console, wanted)
        return None
    if target.directory:
        return restore_into(stack, console, wanted, Path(target.directory))
    if target.copy:
        return restore_as_node(stack, console, wanted, target.copy, writable=target.writable)
    if exists:
        return restore_in_place(stack, console, wanted, yes=yes)
    return rebuild(stack, console, wanted)
