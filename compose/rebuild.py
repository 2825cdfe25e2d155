"""A cluster that is about to be restored on a host that has none: everything prepared, no data, no container."""

from cluster.errors import RefusedError
from cluster.topology import load
from compose.console import Console
from compose.home import make_service_directories
from compose.lock import exclusive
from compose.stack import Stack, open_home, open_stack
from compose.up import Wanted, prepare


def open_or_prepare(console: Console, *, may_prepare: bool) -> tuple[Stack, bool]:
    """The cluster of this home and whether it exists already; prepared where it does not and ``may_prepare``.

    Raises:
        RefusedError: there is none, and what was asked for needs one.
    """
    home, settings = open_home()
    known = load(home.topology)
    if known is not None and (known.system_identifier or not may_prepare):
        return open_stack(), (home.node(known.primary) / "18").exists() or bool(known.system_identifier)
    if not may_prepare:
        raise RefusedError(f"there is no cluster in {home.path} yet", "run: inv up, or restore one with --in-place")
    with exclusive(home.lock, "backup.restore"):
        stack = prepare(home, settings, console, Wanted())
        make_service_directories(home, settings, stack.watchers)
    return stack, False
