"""Nodes of this engine that follow a cluster of which Patroni decides: what a return to one host begins with.

They stream through HAProxy, which leads to whoever leads, and are in no pool. Patroni itself holds their slots, on
every member, so that a failover meanwhile loses none. Data is always a new copy: what was here before the move has
gone apart from that of the hosts.
"""

from collections.abc import Iterator

from cluster.endpoints import PROXY
from cluster.errors import MachineError, PodsError
from cluster.naming import slot_of
from cluster.observed.nodes import read_slots
from cluster.pools import synchronous_count
from cluster.postgres.connection import connect, fetch_one
from cluster.postgres.failures import translated
from cluster.postgres.lsn import Lsn
from cluster.standby_topology import returning_on, without_followers
from cluster.units import human_size
from cluster.waiting import attempts, wait_until
from compose.console import Progress
from compose.engine import containers
from compose.home import node_data
from compose.home.paths import make_log_directories, make_private_directory
from compose.operations.apply_topology import publish
from compose.operations.hosts.fleet import Fleet
from compose.operations.replicas.clone import keep_aside
from compose.operations.steps import Step

NEAR = 1 << 20
"""Bytes that a standby may lack when clients are held back."""
_SLOT_SECONDS = 60.0
_COPY_SECONDS = 30.0
"""From the first try on; a copy that breaks off later is begun anew once."""


class LocalStandby:
    """As many nodes as one host has at the least: a primary, and the replicas that commits wait for."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.stack = fleet.stack

    def steps(self) -> Iterator[Step]:
        """Each looks first, so that the next run ends what was interrupted."""
        count = 1 + synchronous_count(self.stack.settings)
        yield Step("Entering the nodes of this machine", lambda _: self._enter(count), quiet=True)
        names = self.stack.topology.local_names
        yield Step("Having Patroni hold WAL for them", lambda step: self._reserve(step, names))
        for name in names:
            if not node_data.present(self.stack.home.node(name)):
                yield Step(f"Copying the data for {name}", lambda step, name=name: self._copy(step, name))  # type: ignore[misc]
            yield Step(f"Letting {name} stream", lambda step, name=name: self._start(step, name))  # type: ignore[misc]

    def _enter(self, count: int) -> None:
        stack = self.stack
        topology = returning_on(stack.topology, count)
        for name in topology.local_names:
            make_private_directory(stack.home.node(name))
        make_log_directories(stack.home, topology.local_names)
        self.stack = publish(stack, topology)

    def _reserve(self, step: Progress, names: tuple[str, ...]) -> None:
        wanted = {slot_of(name): {"type": "physical"} for name in names}
        leader = self._fleet.leader()
        agent = self._fleet.agents[leader]
        if wanted.keys() - (agent.config().get("slots") or {}).keys():
            agent.patch({"slots": wanted})  # what somebody else has there stays

        def missing() -> str:
            with connect(self.stack.monitor(leader)) as connection:
                left = wanted.keys() - {each.name for each in read_slots(connection)}
            return f"{leader} has no {', '.join(sorted(left))} yet" if left else ""

        wait_until(
            missing, timeout=_SLOT_SECONDS, what="Patroni makes no slots", hint="try again", progress=step.update
        )

    def _copy(self, step: Progress, name: str) -> None:
        """HAProxy leads nowhere for a moment where its check of the leader was late: once more then."""
        for left in attempts(_COPY_SECONDS, pause=5.0):
            try:
                self.stack.compose.job(name, ["clone", name, PROXY, slot_of(name), "-"], step)
            except MachineError:
                if not left:
                    raise
            else:
                return

    def _start(self, step: Progress, name: str) -> None:
        self.stack.compose.follow(step, "up", "--detach", "--no-deps", name)
        wait_until(
            lambda: self.lacks(name),
            timeout=self.stack.settings.start_timeout,
            what=f"{name} does not stream",
            hint=f"see inv logs --service {name}; inv hosts.back goes on when that is mended",
            pause=0.5,
            progress=step.update,
        )

    def removal(self) -> Iterator[Step]:
        """Give the return up: nothing here follows any more. The topology knows of them until all is done."""
        names = self.stack.topology.local_names
        yield Step(f"Removing {', '.join(names)} here", lambda step: self._remove(step, names))
        yield Step("Letting Patroni hold no WAL for them", lambda _: self._let_go(names), quiet=True)
        yield Step("Forgetting them", lambda _: self._forget(), quiet=True)

    def _remove(self, step: Progress, names: tuple[str, ...]) -> None:
        found = containers.of_project(self.stack.client, self.stack.topology.project)
        containers.remove_all(self.stack.client, [each for each in found if each.service in names])
        if kept := keep_aside(self.stack, names):
            step.result = f"their data is kept in {', '.join(kept)}"

    def _let_go(self, names: tuple[str, ...]) -> None:
        agent = self._fleet.agents[self._fleet.leader()]
        if set(map(slot_of, names)) & (agent.config().get("slots") or {}).keys():
            agent.patch({"slots": dict.fromkeys(map(slot_of, names))})

    def _forget(self) -> None:
        self.stack = publish(self.stack, without_followers(self.stack.topology))

    def lacks(self, name: str) -> str:
        """What is missing until the node is near whoever leads; "" where nothing is."""
        try:
            with translated(), connect(self.stack.monitor(name)) as connection:
                reached = fetch_one(connection, "replayed", lambda lsn: Lsn.parse(lsn) if lsn else None)
            with translated(), connect(self.stack.monitor(self._fleet.leader())) as connection:
                end = fetch_one(connection, "replayed", lambda lsn: Lsn.parse(lsn) if lsn else None)
        except PodsError as error:
            return error.message
        if reached is None or end is None:
            return "its position is not known"
        return f"it lacks {human_size(end - reached)}" if end > reached and end - reached > NEAR else ""
