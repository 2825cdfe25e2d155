"""A host that is taken out where Patroni decides: another leads, its vote ends, and it is no node any more.

Its vote ends before its agent is stopped: while votes elect a leader, the primary goes on only if every agent answers.
What cannot be reached (``gone``) is forgotten by the others all the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from cluster.config.docker_hosts import VOTES, Host
from cluster.errors import PodsError, RefusedError
from cluster.pools import synchronous_count
from cluster.topology_file import load
from cluster.waiting import comes_true, wait_until
from compose.console import Console, Progress
from compose.engine.hosts.host_engine import HostEngine
from compose.operations.apply_topology import publish
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.leader_change import switch_leader
from compose.operations.hosts.upkeep import Upkeep
from compose.operations.hosts.vote_handover import find_vote, hand_over_votes, peer_url, store_beside
from compose.operations.steps import Step
from compose.render.hosts.failover_pace import PACES
from compose.stack import Stack

_LEASE_SECONDS = 90.0


class HostLeave:
    """One run of it. ``engine`` is the host's, None where it is gone for good; ``others`` are reached."""

    def __init__(
        self,
        stack: Stack,
        console: Console,
        host: Host,
        engine: HostEngine | None,
        others: Mapping[str, HostEngine],
    ) -> None:
        self._console, self._host, self._engine = console, host, engine
        self._fleet = Fleet(stack, {name: each for name, each in others.items() if name != host.name})

    def check(self) -> str:
        """What the cluster can bear afterwards, where that is less than it should; "" where it is enough.

        Raises:
            RefusedError: it cannot do without the host.
        """
        self._refuse_node()
        topology, votes = self._fleet.stack.topology, self._votes_left()
        words = []
        if votes is not None and votes < VOTES:
            left = f"{votes} votes are" if votes != 1 else "one vote is"
            words.append(f"{left} left then, and none may be lost until there are three again. ")
        if self._host.name in topology.names and len(topology.names) == 2:
            words.append("One node is left then: nobody takes over from it, and nobody has a copy of its data. ")
        return "".join(words)

    def _refuse_node(self) -> None:
        topology, name = self._fleet.stack.topology, self._host.name
        if name not in topology.names:
            return
        left = [node for node in topology.names if node != name]
        if not left:
            raise RefusedError(f"{name} is the only node", "add another host first, or use inv down")
        needed = synchronous_count(self._fleet.stack.settings)
        if len(left) - 1 < needed:
            raise RefusedError(
                f"PODS_SYNC={self._fleet.stack.settings.sync} has commits wait for {needed} replicas, and "
                f"{len(left) - 1} would be left: nothing could be written",
                "add another host first, or set PODS_SYNC=off and run inv up",
            )
        if self._engine is None:
            self._refuse_running()
        if not any(each.runs for each in self._fleet.members() if each.name != name):
            raise RefusedError("no other member runs", "see inv status")

    def _refuse_running(self) -> None:
        """What the store knows of a member that is gone ends with its lease."""
        name = self._host.name
        lease = PACES[self._fleet.stack.settings.failover_pace].ttl
        with self._console.step(f"Seeing that {name} is gone", quiet=True):
            comes_true(lambda: self._answers() or not self._runs(), timeout=lease + 10, pause=0.5)
        if self._answers() or self._runs():
            raise RefusedError(
                f"{name} runs, and is not gone", f"run: inv hosts.remove {name}; or stop it there before, all of it"
            )

    def _answers(self) -> bool:
        agent = self._fleet.agents.get(self._host.name)
        try:
            return agent is not None and bool(agent.status())
        except PodsError:
            return False

    def _runs(self) -> bool:
        return any(each.runs for each in self._fleet.members() if each.name == self._host.name)

    def _votes_left(self) -> int | None:
        """How many there are without this host's; None where it has none.

        Raises:
            RefusedError: those would be no majority that answers.
        """
        if not self._fleet.votes:
            return None
        members = store_beside(self._fleet, self._host).members()
        left = [each for each in members if peer_url(self._host) not in each.peer_urls]
        if len(left) == len(members):
            return None
        serving = sum(not store.healthy() for name, store in self._fleet.stores.items() if name != self._host.name)
        if serving < len(left) // 2 + 1:
            raise RefusedError(
                f"{serving} of the other {len(left)} votes answer, which is no majority", "bring those back first"
            )
        return len(left)

    def steps(self) -> Iterator[Step]:
        """Each looks first; the record of the host is the caller's."""
        name = self._host.name
        self._hand_over()
        if "etcd" in self._host.roles:
            yield Step(f"Taking the vote of {name} away", self._take_vote, final=True)
        if name in self._fleet.stack.topology.names:
            if self._engine is not None and name in self._engine.containers():
                yield Step(f"Stopping {name}", self._stop, final=True)
            yield Step(f"Waiting until {name} leads no more", self._await_leader, quiet=True)
            yield Step(f"Taking {name} out of the topology", lambda _: self._forget_node(), quiet=True)
        for other in self._fleet.engines:
            yield Step(f"Leading the pools of {other} past {name}", lambda step, o=other: self._lead_past(step, o))  # type: ignore[misc]

    def _hand_over(self) -> None:
        known = self._host.name in self._fleet.stack.topology.names
        if not known or self._engine is None or self._fleet.leader() != self._host.name:
            return
        switch_leader(self._fleet.stack, self._console, None)
        if topology := load(self._fleet.stack.home.topology):
            self._fleet = replace(self._fleet, stack=self._fleet.stack.with_topology(topology))

    def _stop(self, step: Progress) -> None:
        """Patroni lets go of its key; no commit waits for this one from then on."""
        assert self._engine is not None
        self._engine.follow(step, "stop", self._host.name)

    def _await_leader(self, _: Progress) -> None:
        wait_until(
            self._leaderless,
            timeout=_LEASE_SECONDS,
            what=f"nobody but {self._host.name} leads",
            hint="see inv status; then run this again",
            pause=0.5,
        )
        stack, leader = self._fleet.stack, self._fleet.leader()
        if stack.topology.primary != leader:
            self._fleet = replace(self._fleet, stack=stack.with_topology(replace(stack.topology, primary=leader)))

    def _leaderless(self) -> str:
        try:
            leader = self._fleet.leader()
        except PodsError as error:
            return error.message
        return f"{leader} has the lease" if leader == self._host.name else ""

    def _take_vote(self, step: Progress) -> None:
        if led := hand_over_votes(self._fleet, self._host.name):
            step.result = f"{led} leads etcd"
        store = store_beside(self._fleet, self._host)
        if member := find_vote(store, self._host):
            store.remove_member(member)

    def _forget_node(self) -> None:
        stack = self._fleet.stack
        self._fleet = replace(self._fleet, stack=publish(stack, stack.topology.remove(self._host.name)))

    def _lead_past(self, step: Progress, other: str) -> None:
        Upkeep(self._fleet, self._console).keep(step, other)
