"""`inv up` where Patroni decides: files of hosts, their containers one host after the other, the services here.

It starts no node here, makes no data, promotes nobody. Who leads is observed, and noted in the topology.
"""

from collections.abc import Iterator
from dataclasses import replace

from cluster.config.settings import Settings
from cluster.errors import PodsError
from cluster.hosts.patroni_documents import ListedMember
from cluster.topology_file import load, save
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import reach_hosts
from compose.home.ha_certificates import ensure_ha_certificates
from compose.home.hosts_state_file import load_state
from compose.home.paths import Home
from compose.home.role_passwords import login_of
from compose.operations import provision
from compose.operations.apply_topology import write_files
from compose.operations.convergence.declared import converge_databases
from compose.operations.convergence.make_extensions import make_extensions
from compose.operations.convergence.primary import settle_owner
from compose.operations.convergence.services import renew_connections
from compose.operations.convergence.state import Convergence
from compose.operations.database_owner import report_excess
from compose.operations.hosts.added_hosts import check_finished
from compose.operations.hosts.cutover import take_back_undecided
from compose.operations.hosts.emptied_store import refill
from compose.operations.hosts.failover_journal import note_failovers
from compose.operations.hosts.finish_move import FinishMove, configure
from compose.operations.hosts.finish_return import FinishReturn
from compose.operations.hosts.fleet import Fleet, open_fleet
from compose.operations.hosts.fleet_config import take_up
from compose.operations.hosts.homecoming import lead_again
from compose.operations.hosts.host_content import host_images
from compose.operations.hosts.host_control import refuse_foreign, refuse_foreign_hosts
from compose.operations.hosts.host_payload import host_payload
from compose.operations.hosts.known_parts import refuse_other_parts
from compose.operations.hosts.leader_change import lead_elsewhere
from compose.operations.hosts.leader_socket import with_superuser
from compose.operations.hosts.local_services import LocalServices
from compose.operations.hosts.prepare import ETCD, folders
from compose.operations.hosts.vote_handover import hand_over_votes, remade_services
from compose.operations.steps import Step, perform
from compose.stack import Stack


def settle_move(home: Home, settings: Settings, console: Console) -> None:
    """A move to the hosts that was interrupted goes back where it was not decided, and forward where it was.

    Raises:
        PodsError: it cannot go forward now.
    """
    topology = load(home.topology)
    if topology is None or not settings.hosts.hosts:
        return
    stack = Stack(home, settings, topology)
    if load_state(home).phase in ("switching", "returning"):
        refuse_foreign_hosts(stack, "hosts.switch")
    if taken_back := take_back_undecided(stack):
        console.note(taken_back)
    state = load_state(home)
    if state.phase == "switching":
        with open_fleet(stack) as fleet:
            perform(FinishMove(fleet, console).steps(), console)
    if state.phase == "returning":
        with open_fleet(stack) as fleet:
            perform(FinishReturn(fleet, console).steps(), console)
    if state.phase == "patroni" and state.cut is not None and not state.cut.lsn:
        with open_fleet(stack) as fleet:
            console.note(lead_again(fleet, console))


def converge_hosts(stack: Stack, console: Console) -> Stack:
    """Bring the hosts, and the services here, to what they shall be; the cluster with the primary that is seen.

    Raises:
        PodsError: they are not, or not verified to be.
    """
    check_finished(stack)
    with (
        with_superuser(stack) as opened,
        reach_hosts(stack.home, stack.settings, stack.settings.hosts.names) as found,
    ):
        engines = {name: each for name, each in found.items() if isinstance(each, HostEngine)}
        refuse_foreign(engines.values())
        absent = [each for each in found.values() if isinstance(each, PodsError)]
        for each in absent:
            console.warn(f"{each.message}; the others go on")
        refuse_other_parts(Fleet(opened, engines))
        upkeep = Upkeep(Fleet(opened, engines), console)
        perform(upkeep.steps(), console)
        for each in filter(None, [*absent, upkeep.undeclared]):
            raise each  # the cluster serves all the same, and somebody must know that something is missing
        return upkeep.stack


class Upkeep:
    """One run of `up` of a cluster of which Patroni decides."""

    def __init__(self, fleet: Fleet, console: Console) -> None:
        self._fleet, self._console = fleet, console
        self.stack = fleet.stack
        self._run = Convergence(self.stack, console, {})
        self._sent: dict[str, tuple[str, ...]] = {}

    def steps(self) -> Iterator[Step]:
        """Each looks first. Replicas come before who leads, so that its readers find the others up."""
        yield Step("Seeing whether the store knows the cluster", self._refill, quiet=True)
        yield Step("Seeing who leads", self._observe, quiet=True)
        yield Step("Writing Patroni's configuration", self._configure, quiet=True)
        yield Step("Making keys of the hosts", lambda _: self._keys(), quiet=True)
        yield Step(
            "Making directories", lambda _: LocalServices(self.stack, self._console).make_directories(), quiet=True
        )
        leader = self.stack.topology.primary
        for name in sorted(self._fleet.engines, key=lambda each: each == leader):
            if name == leader:
                yield from self._lead_elsewhere(name)
            yield Step(f"Comparing {name}", lambda step, name=name: self.keep(step, name))  # type: ignore[misc]
        here = LocalServices(self.stack, self._console)
        if behind := here.behind:
            yield Step("Starting " + ", ".join(behind), lambda step: here.start(step, behind))
        if idle := here.idle_followers:
            yield Step(f"Starting {', '.join(idle)}, for a return", lambda step: here.start_followers(step, idle))
        yield Step("Reloading changed services", lambda _: here.reload(), quiet=True)
        yield Step("Removing what belonged to the nodes that were here", lambda _: here.forget_strangers(), quiet=True)
        yield Step("Verifying that every member runs", self._verify)
        yield Step("Leading etcd from another host than the primary's", self._part_votes, quiet=True)
        yield from self._inside()

    def _refill(self, step: Progress) -> None:
        refill(self._fleet, self._console, step)

    def _observe(self, step: Progress) -> None:
        leader = self._fleet.leader()
        if leader != self.stack.topology.primary:
            self._console.note(f"{leader} is the primary now")
            topology = replace(self.stack.topology, primary=leader)
            save(self.stack.home.topology, self.stack.home.topology_copy, topology)
            self.stack = self.stack.with_topology(topology)
            write_files(self.stack, topology)
            self._run.adopt(self.stack)
        if unnoted := note_failovers(self._fleet):
            self._console.warn(unnoted)
        step.result = leader

    def _configure(self, _: Progress) -> None:
        if changed := configure(self._fleet):
            self._console.note(f"Patroni's configuration in the store was changed: {', '.join(changed)}")

    def _lead_elsewhere(self, name: str) -> Iterator[Step]:
        """Where the leader's container is made anew another member takes over first, while clients wait."""
        yield Step(f"Sending files to {name}", lambda step: self._send(step, name), quiet=True)
        if name not in remade_services(self.stack, self._fleet.engines[name]):
            return
        outcome = lead_elsewhere(self._fleet, self._console, name)
        if outcome is None:
            return
        self._console.note(str(outcome))
        self.stack = self.stack.with_topology(replace(self.stack.topology, primary=outcome.primary))
        self._run.adopt(self.stack)
        write_files(self.stack, self.stack.topology)

    def _send(self, step: Progress, name: str) -> None:
        engine = self._fleet.engines[name]
        engine.load_images(host_images(self.stack, engine.host), step)
        engine.make_folders(*folders(engine.host))
        self._sent[name] = (*self._sent.get(name, ()), *engine.ship(host_payload(self.stack, engine.host)))

    def keep(self, step: Progress, name: str) -> None:
        """A changed definition makes a container anew: one host at a time, and its member streams before the next."""
        engine = self._fleet.engines[name]
        self._send(step, name)
        sent = self._sent.pop(name)
        if ETCD in remade_services(self.stack, engine):
            hand_over_votes(self._fleet, name)
        engine.follow(step, "up", "--detach", "--remove-orphans")
        step.result = f"{len(sent)} files sent" if sent else ""
        self._await(step, name)
        self._await_vote(step, name)
        take_up(self._fleet, name)

    def _await(self, step: Progress, name: str) -> None:
        if name not in self._fleet.agents:
            return
        wait_until(
            lambda: self._problem(name),
            timeout=self.stack.settings.start_timeout,
            what=f"{name} did not come back",
            hint=f"no other host was touched after it; see inv status, and docker logs on {name}",
            pause=0.5,
            progress=step.update,
        )

    def _await_vote(self, step: Progress, name: str) -> None:
        """The next host is not touched before this one's vote takes part again: two at once are no majority."""
        if name in self._fleet.stores:
            wait_until(
                self._fleet.stores[name].healthy,
                timeout=self.stack.settings.start_timeout,
                what=f"the vote of {name} did not come back",
                hint=f"no other host was touched after it; see inv status, and docker logs on {name}",
                pause=0.5,
                progress=step.update,
            )

    def _problem(self, name: str) -> str:
        try:
            state = self._fleet.agents[name].status().state  # the store may not know yet that it is away
            members: tuple[ListedMember, ...] = self._fleet.members()
        except PodsError as error:
            return error.message
        found = next((each for each in members if each.name == name), None)
        if found is None:
            return "its agent is not there yet"
        return "" if found.runs and state == "running" else f"it is {found.role}, {found.state}"

    def _inside(self) -> Iterator[Step]:
        """What is declared, and what PODS itself has in the primary; what cannot be made stops nothing else."""
        yield Step("Provisioning the primary", lambda _: self._provision(), quiet=True)
        yield from converge_databases(self._run)
        yield from settle_owner(self._run)
        yield from renew_connections(self._run)
        yield from make_extensions(self._run)

    def _provision(self) -> None:
        """Slots of members are Patroni's."""
        stack = self.stack
        login = login_of(stack.home, stack.settings, stack.settings.user)
        found = provision.converge(stack.superuser(self._run.primary), stack.settings, stack.passwords, (), login)
        self._run.provisioned = found
        if found.made:
            self._console.note("made in the primary: " + ", ".join(found.made))
        report_excess(self._console, found.excess)

    @property
    def undeclared(self) -> PodsError | None:
        """Why something that is declared could not be made."""
        return self._run.undeclared

    def _part_votes(self, step: Progress) -> None:
        step.result = hand_over_votes(self._fleet, self.stack.topology.primary)

    def _keys(self) -> None:
        """Those of etcd and of agents that end soon; the servers' were made with all others."""
        stack = self.stack
        if made := ensure_ha_certificates(stack.home, stack.settings.hosts, project=stack.topology.project):
            self._console.note(f"made anew: the keys of {', '.join(made)}")

    def _verify(self, step: Progress) -> None:
        for name in self._fleet.engines:
            self._await(step, name)
