"""Restart of a replica on another Docker host."""

from compose.console import Progress
from compose.engine.hosts.host_sessions import open_hosts
from compose.operations.replicas.remote_site import RemoteSite
from compose.stack import Stack


def restart_there(stack: Stack, step: Progress, name: str, host: str) -> None:
    """Restart ``name`` with the files it shall have, and wait until it streams.

    Raises:
        PodsError: its host cannot be reached, or it does not stream.
    """
    with open_hosts(stack.home, stack.settings, [host]) as engines:
        site = RemoteSite(engines[host], name)
        site.bring_files(stack, step)
        engines[host].follow(step, "restart", name)
        site.start(stack, step)
