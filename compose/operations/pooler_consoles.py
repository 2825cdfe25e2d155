"""The consoles of all PgBouncers of a cluster: this machine's, and that of each Docker host where Patroni decides."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cluster import pgbouncer
from cluster.config.docker_hosts import POOLER_PORT
from cluster.endpoints import POOLER
from cluster.errors import MachineError
from cluster.postgres.connection import Access, connect
from compose.home import passwords
from compose.stack import Stack

if TYPE_CHECKING:
    import psycopg


def console_access(stack: Stack) -> Access:
    """The console of this machine's, as the role that may pause it."""
    return replace(stack.access(POOLER, passwords.ADMIN, pgbouncer.CONSOLE), connect_timeout=3)


class PoolerConsoles:
    """Those that answer. This machine's has to; of the others' ``silent`` says on which hosts they do not, and why."""

    def __init__(self, stack: Stack, hosts: Collection[str] | None = None) -> None:
        own = console_access(stack)
        there = stack.settings.hosts.with_role("pooler") if stack.topology.engine == "patroni" else ()
        self._hosts = {
            host.name: replace(own, host=host.address, port=POOLER_PORT)
            for host in there
            if hosts is None or host.name in hosts
        }
        self._here = own if hosts is None else None
        self.silent: dict[str, str] = {}

    def each(self) -> "Iterator[tuple[str, psycopg.Connection[Any]]]":
        """Every console that answers, one after the other; one that did not is not waited for again.

        Raises:
            MachineError: this machine's does not answer.
        """
        if self._here is not None:
            with connect(self._here, console=True) as console:
                yield POOLER, console
        for name, access in self._hosts.items():
            if name not in self.silent:
                try:
                    with connect(access, console=True) as console:
                        yield f"{POOLER} on {name}", console
                except MachineError as error:
                    self.silent[name] = error.message
