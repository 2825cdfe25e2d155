"""Taking a backup store that was emptied or replaced on purpose for the right one."""

from compose.console import Console
from compose.home.store_directory import has_local_store, make_store_directory
from compose.operations.backups.client import SERVICE, call
from compose.operations.reload import restart_on_other_disk
from compose.stack import Stack


def adopt(stack: Stack, console: Console, store: str) -> None:
    """Have the backup service forget what the store held, and begin an archive there where there is none.

    Raises:
        PodsError: the store cannot be used; the service goes on looking for what it held.
    """
    make_store_directory(stack.home, stack.settings)
    running = stack.containers().get(SERVICE)
    if running is not None and running.status == "running" and has_local_store(stack.settings):
        restart_on_other_disk(stack, running)
    found = call(stack, console, "Taking the store as it is", "adopt", f"--store={store}")
    for name, backups in found["stores"].items():
        console.note(
            f"{name} holds {len(backups)} backups of this cluster" + ("" if backups else "; a full one is next")
        )
