"""What runs on the control machine where Patroni decides: no node, but PgBouncer with its guide, and who watches."""

import time

from cluster.endpoints import POOLER, PROXY
from cluster.files import Directory
from cluster.guide_config import DATABASES_FILE
from cluster.standby_topology import followers
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.engine import containers
from compose.home import node_data
from compose.home.kept_logs import delete_old
from compose.home.paths import make_log_directories, make_service_directories
from compose.home.store_directory import make_store_directory
from compose.operations.convergence.state import Convergence
from compose.operations.pooler_consoles import console_access
from compose.operations.pooler_pause import release
from compose.operations.reload import reload_optional, reload_pooler, reload_primary_port
from compose.operations.start import not_running, start_and_wait
from compose.stack import Stack

_GUIDE_SECONDS = 30.0


class LocalServices:
    """The services of ``stack`` on this engine, whose files are written; each method looks first."""

    def __init__(self, stack: Stack, console: Console) -> None:
        self._console = console
        self._run = Convergence(stack, console, {})
        self.stack = stack

    def make_directories(self) -> None:
        """What they have mounted."""
        home, settings = self.stack.home, self.stack.settings
        make_log_directories(home, [POOLER])
        make_service_directories(home, self.stack.optional_services)
        make_store_directory(home, settings)
        delete_old(home, settings, time.time())

    @property
    def behind(self) -> list[str]:
        """Those that do not run as they shall."""
        now = self.stack.containers()
        return [name for name in self.stack.services if not self._run.as_wanted(name, now)]

    def start(self, step: Progress, services: list[str]) -> None:
        """Start them; one on which no client depends is a warning where it does not.

        Raises:
            MachineError: PgBouncer or HAProxy does not run.
        """
        failed = start_and_wait(self.stack, step, services) if services else []
        if failed and {POOLER, PROXY} & set(failed):
            raise not_running(self.stack, *failed)
        for name in failed:
            self._console.warn(not_running(self.stack, name).message)

    @property
    def idle_followers(self) -> list[str]:
        """Nodes here that have data to follow the hosts with, and do not run."""
        home, now = self.stack.home, self.stack.containers()
        have = [name for name in followers(self.stack.topology) if node_data.present(home.node(name))]
        return [name for name in have if not self._run.as_wanted(name, now)]

    def start_followers(self, step: Progress, names: list[str]) -> None:
        """Start them; the cluster does not need them."""
        for name in start_and_wait(self.stack, step, names):
            self._console.warn(not_running(self.stack, name).message)

    def reload(self) -> None:
        """Those that ran before take up their files; clients that somebody held back go on."""
        now = self.stack.containers()
        for name in self.stack.optional_services:
            if self._run.was_well(name) and name in now and now[name].id == self._run.before[name].id:
                reload_optional(self.stack, name, self._run.before[name])
        if self._run.was_well(PROXY):
            reload_primary_port(self.stack)
        if self._run.was_well(POOLER):
            _await_guide(self.stack)
            reload_pooler(self.stack)
            release(console_access(self.stack))

    def forget_strangers(self) -> None:
        """Remove the containers of nodes and relays that are no more."""
        found = containers.of_project(self.stack.client, self.stack.topology.project)
        known = {
            *self.stack.services,
            *self.stack.topology.local_names,
            *(copy.name for copy in self.stack.topology.copies),
            "psql",
        }
        strangers = [each for each in found if each.service not in known and not each.one_off]
        containers.remove_all(self.stack.client, strangers)


def _await_guide(stack: Stack) -> None:
    """PgBouncer's configuration includes what its guide writes, and is no good before that is there."""
    wait_until(
        lambda: "" if _guide_wrote(stack) else "its guide has not seen the primary yet",
        timeout=_GUIDE_SECONDS,
        what="PgBouncer here does not follow the primary",
        hint="see inv logs --service guide, then run inv up",
        pause=0.1,
    )


def _guide_wrote(stack: Stack) -> bool:
    try:
        with Directory.open(stack.home.data / ".guide") as directory:
            return directory.stat(DATABASES_FILE) is not None
    except FileNotFoundError:
        return False
