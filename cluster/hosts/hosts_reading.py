"""What every Docker host answered at one moment, and what follows of the votes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.hosts.etcd_documents import VoteFigures, VoteHealth
from cluster.hosts.patroni_documents import AgentFacts, ClusterListing


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReading:
    """One host: its agent where it runs a node, its vote where it runs etcd. An error is why there is no answer.

    ``pooler_error``: why nobody answers where its PgBouncer shall; "" where one does, or none shall.

    ``figures`` are read only for whoever wants them: they are long.
    """

    name: str
    node: bool = True
    votes: bool = True
    agent: AgentFacts | None = None
    agent_error: str = ""
    vote: VoteHealth | None = None
    vote_error: str = ""
    pooler_error: str = ""
    figures: VoteFigures | None = None

    @property
    def vote_counts(self) -> bool:
        """Whether its vote takes part: it answers, and can commit with the others."""
        return self.vote is not None and self.vote.healthy

    @property
    def away(self) -> str:
        """Why nothing on it answers that was asked; "" where something does."""
        return "" if self.agent or self.vote else self.agent_error or self.vote_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """Of the consensus store: ``total`` there are, ``counted`` take part, ``needed`` are a majority."""

    total: int
    counted: int

    @property
    def needed(self) -> int:
        """More than half."""
        return self.total // 2 + 1

    @property
    def spare(self) -> int:
        """How many more may be lost before nobody can be elected; negative where that is so already."""
        return self.counted - self.needed

    @property
    def quorate(self) -> bool:
        """Whether a leader can be elected and its lease renewed."""
        return self.counted >= self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsReading:
    """Every host by name; ``listing`` is what the store says of the members, None where nobody could ask it.

    ``taken`` is Unix time in seconds.
    """

    hosts: Mapping[str, HostReading] = field(default_factory=dict)
    listing: ClusterListing | None = None
    taken: float = 0.0

    @property
    def votes(self) -> Votes:
        """How many there are, and take part."""
        voting = [host for host in self.hosts.values() if host.votes]
        return Votes(total=len(voting), counted=sum(host.vote_counts for host in voting))

    @property
    def leader(self) -> str | None:
        """Who holds the lease: as the store lists it, else the one agent whose server takes writes."""
        if self.listing is not None:
            return self.listing.leader.name if self.listing.leader else None
        return self.primaries[0] if len(self.primaries) == 1 else None

    @property
    def primaries(self) -> tuple[str, ...]:
        """Hosts whose agent says that its server takes writes."""
        return tuple(name for name, host in self.hosts.items() if host.agent and host.agent.primary)

    @property
    def agents(self) -> Mapping[str, AgentFacts]:
        """The agents that answered."""
        return {name: host.agent for name, host in self.hosts.items() if host.agent is not None}

    @property
    def paused(self) -> bool:
        """Whether Patroni promotes nobody by itself."""
        return any(agent.paused for agent in self.agents.values())

    @property
    def failsafe(self) -> tuple[str, ...]:
        """Hosts that go on without the store."""
        return tuple(name for name, agent in self.agents.items() if agent.failsafe)
