"""A cluster made from a store alone, on a host that has none."""

from dataclasses import replace

from cluster.errors import RefusedError
from cluster.postgres.data_directory import holds_data
from cluster.topology_file import load, save
from compose.console import Console
from compose.home.operation_lock import exclusive
from compose.home.passwords import require_backup_key
from compose.home.paths import make_service_directories
from compose.home.store_directory import make_store_directory
from compose.operations.backups.replace_data import await_archive, install, restore_into_staging, staging_of
from compose.operations.backups.request import RestoreRequest, RestoreResult
from compose.operations.backups.restore import note_restore, show_plan
from compose.operations.up import DesiredCluster, prepare, up
from compose.stack import Stack, open_home, open_stack


def open_or_prepare(console: Console, *, may_prepare: bool) -> tuple[Stack, bool]:
    """The cluster of this home and whether it exists already; prepared where it does not and ``may_prepare``.

    Raises:
        RefusedError: there is none, and what was asked for needs one.
    """
    home, settings = open_home()
    known = load(home.topology)
    if known is not None and (known.system_identifier or not may_prepare):
        return open_stack(), holds_data(home.node(known.primary)) or bool(known.system_identifier)
    if not may_prepare:
        raise RefusedError(f"there is no cluster in {home.path} yet", "run: inv up, or restore one with --in-place")
    require_backup_key(home, settings)
    with exclusive(home.lock, "backup.restore"):
        stack = prepare(home, settings, console, DesiredCluster(restored=True))
        make_service_directories(home, stack.optional_services)
        make_store_directory(home, settings)
    return stack, False


def rebuild(stack: Stack, console: Console, wanted: RestoreRequest) -> RestoreResult:
    """Make a cluster from a store; ``stack`` is prepared and has no data.

    The system identifier goes into the topology before any data is there: should this be interrupted, `up` will make no
    new cluster in its place, and the same restore begins again.
    """
    with exclusive(stack.home.lock, "backup.restore"):
        plan = show_plan(stack, console, wanted, staging_of(stack).parent)
        wanted = plan.pin(wanted)
        topology = replace(stack.topology, system_identifier=plan.system)
        save(stack.home.topology, stack.home.topology_copy, topology)
        stack = stack.with_topology(topology)
        with console.step(f"Restoring into {staging_of(stack)}") as step:
            done = restore_into_staging(stack, step, wanted)
        install(stack)
        note_restore(stack, console, done)
    stack = up(stack.home, stack.settings, console, DesiredCluster())
    await_archive(stack, console)
    return done
