"""What Docker hosts, their agents and their votes say against the cluster: reasons and notes, each with a remedy. Pure.

What PostgreSQL itself says is judged elsewhere (cluster/verdict.py) and not a second time: here is who decides, who may
be elected, and whether anybody could.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from cluster.config.docker_hosts import VOTES
from cluster.hosts.hosts_reading import HostReading, HostsReading
from cluster.hosts.patroni_documents import RUNNING, AgentFacts
from cluster.remedies import with_remedy
from cluster.units import human_seconds

_SEE = "inv hosts.status says what runs where; then inv up"
STALE = 30.0
"""Seconds without the store after which an agent is cut off: the lease of the usual pace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsVerdict:
    """Judges one reading.

    Args:
        reading: what hosts answered.
        nodes: the names that shall be members.
        answering: those whose server answers over SQL.
        automatic: whether Patroni shall promote by itself; it does on hosts, whatever PODS_FAILOVER says (0068).
        stale: seconds without the store after which an agent is cut off.
        restarts: by node, parameters that its server says need a restart; not said a second time.
    """

    reading: HostsReading
    nodes: tuple[str, ...]
    answering: Collection[str] = ()
    automatic: bool = True
    stale: float = STALE
    restarts: Mapping[str, Collection[str]] = field(default_factory=dict)

    def reasons(self) -> Iterator[str]:
        """What makes the cluster degraded and is no one node's."""
        yield from self._primaries()
        yield from self._votes()
        yield from self._leader()
        yield from self._failsafe()
        yield from self._poolers()
        yield from self._strangers()
        if self.reading.paused and self.automatic:
            problem = "Patroni is paused, so that there is no automatic failover"
            yield with_remedy(problem, "run: inv up, which ends it")

    def about(self) -> Mapping[str, tuple[str, ...]]:
        """By node, reasons that are its own."""
        found = {name: tuple(self._member(name)) for name in self.nodes}
        return {name: reasons for name, reasons in found.items() if reasons}

    def notes(self) -> Iterator[str]:
        """What is worth knowing."""
        if not self.automatic:
            yield "failover: manual; Patroni keeps the roles and promotes nobody by itself"
        elif not self.reading.paused:
            yield "failover: auto, by Patroni"
        leader = self.reading.hosts.get(self.reading.leader or "")
        if leader is not None and leader.figures is not None and leader.figures.leads and self.reading.votes.total > 1:
            problem = f"{leader.name} is the primary and leads etcd too: losing that host takes 5 to 10 s longer"
            yield with_remedy(problem, "run: inv up, which lets another vote lead")
        if self.reading.votes.total < VOTES:
            number = "one vote" if self.reading.votes.total == 1 else f"{self.reading.votes.total} votes"
            yield with_remedy(f"{number}, of which none may be lost", "add hosts: inv hosts.add NAME")
        for name, agent in self.reading.agents.items():
            if agent.restart_pending and not self.restarts.get(name):
                names = f" for {', '.join(agent.pending_restart)}" if agent.pending_restart else ""
                yield with_remedy(f"{name} needs a restart{names}", "run: inv restart")

    def _primaries(self) -> Iterator[str]:
        """Where SQL reaches both, the verdict on the nodes has it already."""
        both = self.reading.primaries
        if len(both) > 1 and not set(both) <= set(self.answering):
            leader = self.reading.leader
            stale = [name for name in both if name != leader]
            stop = f"stop {', '.join(stale)} now" if leader else "find out which one holds the lease: inv hosts.status"
            yield with_remedy(f"two hosts say that they take writes: {' and '.join(both)}", stop)

    def _votes(self) -> Iterator[str]:
        votes = self.reading.votes
        lost = [host for host in self.reading.hosts.values() if host.votes and not host.vote_counts]
        if not lost:
            return
        names = ", ".join(f"{host.name} ({_why(host)})" for host in lost)
        if not votes.quorate:
            problem = (
                f"{votes.counted} of {votes.total} votes take part and {votes.needed} are needed: nobody can be elected"
            )
            yield with_remedy(f"{problem}; missing: {names}", f"bring etcd back on one of these hosts; {_SEE}")
        elif votes.spare == 0:
            problem = f"a vote is lost: {names}; one more loss stops failover"
            yield with_remedy(problem, _SEE)
        else:
            yield with_remedy(f"a vote is lost: {names}; {votes.spare} more may be lost", _SEE)

    def _leader(self) -> Iterator[str]:
        """Nothing where the votes explain it, or where nobody could ask."""
        leader = self.reading.leader
        if leader is not None and leader not in self.reading.agents and leader not in self.answering:
            remedy = "Patroni elects another within its pace; is its host away? inv hosts.status"
            yield with_remedy(f"{leader} has the lease and does not answer", remedy)
        if not self.reading.votes.quorate or leader is not None:
            return
        if self.reading.listing is None:
            if not self.reading.agents:
                yield with_remedy("no agent of Patroni answers, so that nobody knows who leads", _SEE)
            return
        if self.reading.paused or not self.automatic:
            yield with_remedy("no host leads, and nobody is promoted by itself", "run: inv failover")
            return
        yield with_remedy(
            "no host leads, so that nothing takes writes",
            "Patroni elects one within its pace; if it does not: inv failover says whom it would take and what is lost",
        )

    def _strangers(self) -> Iterator[str]:
        """A host that was forgotten and runs again may be elected, and no PgBouncer knows it."""
        listed = self.reading.listing.members if self.reading.listing is not None else ()
        if names := ", ".join(each.name for each in listed if each.runs and each.name not in self.nodes):
            problem = f"{names} is a member that was taken out of the cluster and runs again"
            yield with_remedy(problem, "stop its containers there, or take it in again: inv hosts.add")

    def _failsafe(self) -> Iterator[str]:
        if names := self.reading.failsafe:
            problem = f"failsafe: {', '.join(names)} without the store; the primary goes on while every host answers it"
            yield with_remedy(problem, "bring the votes back before a host is lost; inv hosts.status says which")

    def _poolers(self) -> Iterator[str]:
        """Nothing of a host whose agent is silent as well: what that means is said."""
        for name, host in self.reading.hosts.items():
            if host.pooler_error and not host.agent_error:
                problem = f"the PgBouncer on {name} does not answer, and clients go to another: {host.pooler_error}"
                yield with_remedy(problem, "run: inv up; inv hosts.status says what runs there")

    def _member(self, name: str) -> Iterator[str]:
        host = self.reading.hosts.get(name)
        if host is None:
            yield with_remedy(f"{name} is on no host of config/hosts.toml", "put the host back into that file")
            return
        if host.agent is None:
            if name in self.answering:  # else its server is silent too, and that is said
                problem = f"{name}'s agent does not answer and its server does: {host.agent_error}"
                yield with_remedy(problem, "nothing would stop or replace it: docker restart its container on its host")
            return
        yield from self._agent(name, host.agent)
        if self.reading.listing is not None and self.reading.listing.find(name) is None and host.agent.seen is not None:
            yield with_remedy(f"{name} is no member in the store, and cannot be elected", _SEE)

    def _agent(self, name: str, agent: AgentFacts) -> Iterator[str]:
        silence = self.reading.taken - agent.seen if agent.seen else None
        if silence is not None and silence > self.stale and not agent.failsafe:
            problem = f"{name} has not reached the store for {human_seconds(silence)}"
            yield with_remedy(problem, "is its network or its etcd cut off? inv hosts.status")
        if name not in self.answering and agent.state not in RUNNING:
            yield with_remedy(f"Patroni says that {name} is {agent.state}", f"inv logs --service {name} says why")
        if agent.watchdog_failed:
            yield with_remedy(f"{name} shall have a watchdog and has none", "make /dev/watchdog usable on its host")


def _why(host: HostReading) -> str:
    if host.vote is not None:
        return host.vote.reason or "it cannot commit"
    return host.vote_error or "no answer"
