"""The Docker hosts, typed: what `inv status`, `inv hosts.status`, the API and the page are made from. Pure.

Field names are the JSON keys, in their order; None is unknown, or not that host's.
"""

from dataclasses import dataclass
from typing import Annotated

from cluster.config.docker_hosts import DockerHosts, Host, HostRole
from cluster.hosts.hosts_reading import HostReading, HostsReading


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """One host. ``vote``: whether its vote takes part. ``role`` and ``state`` are its member's, in Patroni's words.

    ``store_seen``: seconds since its agent reached the store.
    """

    name: str
    zone: str
    roles: tuple[HostRole, ...]
    vote: bool | None
    vote_leads: bool | None
    vote_error: str
    role: str | None
    state: str | None
    timeline: int | None
    lag: Annotated[int, "bytes"] | None
    pending_restart: tuple[str, ...]
    store_seen: Annotated[float, "seconds"] | None
    version: str | None
    agent_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsStatus:
    """All of them. ``votes_spare``: how many more may be lost; ``failsafe``: hosts that go on without the store."""

    leader: str | None
    votes: int
    votes_counted: int
    votes_needed: int
    votes_spare: int
    paused: bool
    failsafe: tuple[str, ...]
    hosts: tuple[HostStatus, ...]


def hosts_status(hosts: DockerHosts, reading: HostsReading) -> HostsStatus:
    """Of one reading."""
    votes = reading.votes
    return HostsStatus(
        leader=reading.leader,
        votes=votes.total,
        votes_counted=votes.counted,
        votes_needed=votes.needed,
        votes_spare=votes.spare,
        paused=reading.paused,
        failsafe=reading.failsafe,
        hosts=tuple(_host(host, reading) for host in hosts.hosts),
    )


def _host(host: Host, whole: HostsReading) -> HostStatus:
    reading = whole.hosts.get(host.name, HostReading(name=host.name))
    agent, figures = reading.agent, reading.figures
    listed = whole.listing.find(host.name) if whole.listing is not None and "node" in host.roles else None
    return HostStatus(
        name=host.name,
        zone=host.zone,
        roles=host.roles,
        vote=reading.vote_counts if "etcd" in host.roles else None,
        vote_leads=figures.leads if figures else None,
        vote_error=(reading.vote.reason if reading.vote else "") or reading.vote_error,
        role=listed.role if listed else agent.role if agent else None,
        state=listed.state if listed else agent.state if agent else None,
        timeline=(agent.timeline if agent else None) or (listed.timeline if listed else None),
        lag=listed.lag if listed else None,
        pending_restart=agent.pending_restart if agent else (),
        store_seen=round(max(0.0, whole.taken - agent.seen), 1) if agent and agent.seen else None,
        version=(agent.version or None) if agent else None,
        agent_error=reading.agent_error,
    )
