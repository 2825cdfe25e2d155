"""From the decision that the hosts have the primary to a cluster of which Patroni decides. Every step can be repeated.

The decision is in data/hosts.json before anything is promoted. The old primary's data is a standby's by then, and its
container is given no other role: whoever starts it starts no second primary.
"""

from collections.abc import Iterator

from cluster.errors import PodsError
from cluster.history import PrimaryChange
from cluster.postgres.connection import connect, fetch_one
from cluster.postgres.failures import translated
from cluster.standby_topology import moved_to
from cluster.topology_file import save
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.engine import containers
from compose.home import pgpass
from compose.home.hosts_state_file import load_state, save_state
from compose.home.rendered_files import read_user_files
from compose.operations.apply_topology import write_files
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.local_services import LocalServices
from compose.operations.hosts.vote_handover import hand_over_votes
from compose.operations.promotion.recorded_change import record_change
from compose.operations.replicas.clone import keep_aside
from compose.operations.steps import Step
from compose.render.hosts.dynamic_config import dynamic_config

PROMOTE_SECONDS = 120.0
_EAGER = 0.02
"""Seconds between two questions while clients wait."""


class FinishMove:
    """The steps that are left of a move to the hosts once it was decided."""

    def __init__(self, fleet: Fleet, console: Console) -> None:
        self._fleet, self._console = fleet, console
        self.stack = fleet.stack

    @property
    def primary(self) -> str:
        """Who leads."""
        return self.stack.topology.primary if self.stack.topology.engine == "patroni" else self._fleet.leader()

    def steps(self) -> Iterator[Step]:
        """For whoever goes on after an interruption."""
        yield Step("Promoting whoever leads on the hosts", self.promote)
        yield Step("Entering the nodes of the hosts in the topology", lambda _: self.adopt(), quiet=True)
        yield from self.cleaning()

    def cleaning(self) -> list[Step]:
        """What is left when clients work again."""
        return [
            Step("Letting commits wait as PODS_SYNC says", self._configure, quiet=True),
            Step("Removing the containers of the old nodes", self._remove_old),
            Step("Starting the services that follow Patroni's primary", self._start_services),
            Step("Noting that Patroni decides", lambda _: self._note(), quiet=True),
            Step("Verifying that every member runs and everybody follows the primary", self._verify),
            Step("Leading etcd from another host than the primary's", self._part_votes, quiet=True),
        ]

    def promote(self, step: Progress) -> None:
        """Let the standby cluster be one of its own, and wait until its leader takes a commit."""
        leader = self._fleet.leader()
        agent = self._fleet.agents[leader]
        if "standby_cluster" in agent.config():
            agent.patch({"standby_cluster": None})
        wait_until(
            lambda: self._unpromoted(leader),
            timeout=PROMOTE_SECONDS,
            what=f"{leader} did not take writes",
            hint="run inv hosts.switch again, which goes on",
            pause=_EAGER,
            progress=step.update,
        )

    def _unpromoted(self, leader: str) -> str:
        """Its agent's 200 comes before the server takes writes, hence all three are asked for."""
        try:
            with translated(), connect(self.stack.monitor(leader)) as connection:
                if fetch_one(connection, "in_recovery", lambda in_recovery: in_recovery):
                    return "it is in recovery"
                fetch_one(connection, "write_probe", lambda transaction: transaction)
            status = self._fleet.agents[leader].status()
        except PodsError as error:
            return error.message
        return "" if status.primary else f"its agent says {status.role}, {status.state}"

    def adopt(self) -> None:
        """The topology is that of the hosts; PgBouncer is led there when it reads its files."""
        if self.stack.topology.engine == "patroni":
            return
        topology = moved_to(self.stack.topology, self._fleet.leader())
        home = self.stack.home
        save(home.topology, home.topology_copy, topology)
        self.stack = self.stack.with_topology(topology)
        self._record()

    def _record(self) -> None:
        cut = load_state(self.stack.home).cut
        if cut is not None:
            change = PrimaryChange(event="switchover", before=cut.source, lsn=cut.lsn, by="inv hosts.switch")
            if unnoted := record_change(self.stack, change):
                self._console.warn(unnoted)

    def _configure(self, _: Progress) -> None:
        configure(self._fleet)

    def _remove_old(self, step: Progress) -> None:
        """Their data is kept: it ends where that of the hosts begins."""
        home = self.stack.home
        old = sorted({path.name for path in (home.rendered / "nodes").iterdir()} - {*self.stack.topology.names})
        found = [
            each
            for each in containers.of_project(self.stack.client, self.stack.topology.project)
            if each.service in old
        ]
        containers.remove_all(self.stack.client, found)
        kept = keep_aside(self.stack, old)
        pgpass.ensure(home, self.stack.settings, self.stack.topology)
        write_files(self.stack, self.stack.topology)
        step.result = f"their data is kept in {', '.join(kept)}" if kept else ""

    def _start_services(self, step: Progress) -> None:
        """The guide first of all: without it this machine's PgBouncer would not follow a failover."""
        here = LocalServices(self.stack, self._console)
        here.make_directories()
        here.start(step, here.behind)
        here.reload()
        here.forget_strangers()

    def _verify(self, step: Progress) -> None:
        """The move is done by then: what is missing is a warning."""
        try:
            wait_until(
                self._unhealthy,
                timeout=self.stack.settings.start_timeout,
                what="the cluster moved, but it is not healthy",
                hint="see inv status",
                pause=0.5,
                progress=step.update,
            )
        except PodsError as error:
            self._console.warn(error.message)

    def _part_votes(self, step: Progress) -> None:
        step.result = hand_over_votes(self._fleet, self.primary)

    def _unhealthy(self) -> str:
        snapshot, hosts = self.stack.observe()
        return "; ".join(self.stack.view(snapshot, hosts=hosts).verdict.reasons)

    def _note(self) -> None:
        state = load_state(self.stack.home)
        save_state(self.stack.home, state.in_phase("patroni"))


def configure(fleet: Fleet) -> list[str]:
    """Let the dynamic configuration be as settings have it; the names of what differed."""
    wanted = dynamic_config(fleet.stack.settings, read_user_files(fleet.stack.home).parameters)
    agent = fleet.agents[fleet.leader()]
    found = agent.config()
    changes = {key: value for key, value in wanted.items() if found.get(key) != value}
    if changes:
        agent.patch(changes)
    return sorted(changes)
