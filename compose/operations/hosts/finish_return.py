"""From the decision that one host has the primary again to a cluster as before the move. Every step can be repeated.

The decision is in data/hosts.json; etcd had it before: the cluster on the hosts is one that follows
another, so that none of its members promotes itself. It goes on as that, as it was after `hosts.prepare`.
"""

from collections.abc import Iterator
from contextlib import closing

from cluster.errors import PodsError
from cluster.history import PrimaryChange
from cluster.postgres.connection import connect, fetch_one
from cluster.postgres.failures import translated
from cluster.services import GUIDE
from cluster.standby_topology import returned
from cluster.topology_file import save
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.engine import containers
from compose.engine.containers import send_signal
from compose.home import node_data
from compose.home.hosts_state_file import load_state
from compose.operations.apply_topology import write_files
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.guide_hold import GuideHold
from compose.operations.hosts.prepare import Preparation
from compose.operations.promotion.pool_hold import PoolHold
from compose.operations.promotion.recorded_change import record_change
from compose.operations.reload import reload_node, reload_primary_port
from compose.operations.start import start_and_wait
from compose.operations.steps import Step

PROMOTE_SECONDS = 60.0
_EAGER = 0.02


class FinishReturn:
    """The steps that are left of a return to one host once it was decided."""

    def __init__(self, fleet: Fleet, console: Console) -> None:
        self._fleet, self._console = fleet, console
        self.stack = fleet.stack
        self._requested = False

    def steps(self) -> Iterator[Step]:
        """For whoever goes on after an interruption."""
        if self.stack.topology.engine == "patroni":
            yield Step(f"Promoting {self.primary}", self.promote)
            yield Step("Entering the nodes of this machine as the cluster's", lambda _: self.adopt(), quiet=True)
        yield Step("Letting clients go on", lambda _: self.release())
        yield from self.following()

    @property
    def primary(self) -> str:
        """The node of this machine that takes over."""
        return self.stack.topology.local_names[0]

    def promote(self, step: Progress) -> None:
        """Make it take writes; nothing where it does."""
        name = self.primary
        if node_data.is_standby(self.stack.home.node(name)):
            self.stack.compose.run("up", "--detach", "--no-deps", name)  # as the standby that its role still says
            wait_until(
                lambda: self._recovers(name),
                timeout=PROMOTE_SECONDS,
                what=f"{name} did not take writes",
                hint="run inv hosts.back again, which goes on",
                pause=_EAGER,
                progress=step.update,
            )

    def _recovers(self, name: str) -> str:
        try:
            with translated(), connect(self.stack.monitor(name)) as connection:
                if not fetch_one(connection, "in_recovery", lambda in_recovery: in_recovery):
                    return ""
        except PodsError as error:
            return error.message
        if not self._requested:
            self._requested = True
            node_data.request_promotion(self.stack.home.node(name))
            send_signal(self.stack.client, self.stack.containers()[name].id, "USR1")
        return "it is in recovery"

    def adopt(self) -> None:
        """The topology is that of this machine; its nodes and PgBouncer are led there when they read their files."""
        topology = returned(self.stack.topology)
        save(self.stack.home.topology, self.stack.home.topology_copy, topology)
        self.stack = self.stack.with_topology(topology)
        write_files(self.stack, topology)
        for name in topology.local_names:
            reload_node(self.stack, name, force=True)
        reload_primary_port(self.stack)

    def release(self) -> None:
        """No guide leads PgBouncer elsewhere; then clients go on, at the new primary."""
        found = containers.of_project(self.stack.client, self.stack.topology.project)
        containers.remove_all(self.stack.client, [each for each in found if each.service == GUIDE])
        with closing(PoolHold(self.stack)) as hold:
            hold.release()

    def following(self) -> Iterator[Step]:
        """What is left when clients work again: services, the slot of the hosts, and that they stream from here."""
        yield Step("Noting who is the primary", lambda _: self._record(), quiet=True)
        guides = GuideHold(self._fleet, self._console)
        yield Step("Letting the guides of hosts go by what they see", lambda _: guides.forget(), quiet=True)
        yield Step("Starting a replica that waits", self._start_all, quiet=True)
        yield from Preparation(Fleet(self.stack, self._fleet.engines), self._console).steps()

    def _record(self) -> None:
        cut = load_state(self.stack.home).cut
        if cut is not None:
            change = PrimaryChange(event="switchover", before=cut.source, lsn=cut.lsn, by="inv hosts.back")
            if unnoted := record_change(self.stack, change):
                self._console.warn(unnoted)

    def _start_all(self, step: Progress) -> None:
        start_and_wait(self.stack, step, list(self.stack.topology.local_names))
