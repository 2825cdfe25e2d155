"""The table of Docker hosts, in `inv status` and `inv hosts.status`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.hosts.hosts_status import HostsStatus, HostStatus
from cluster.units import human_seconds, human_size
from compose.report.pools import Cell

_SHORT = 60
"""Characters of an error in a cell; the reasons below the table have it whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostContainersStatus:
    """What runs on one host: ``services`` by name, with the state of each container; ``error`` where nobody answers."""

    name: str
    services: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsOverview:
    """Everything `inv hosts.status` says: the fields are the keys of its JSON."""

    engine: str
    phase: str
    hosts: HostsStatus
    containers: tuple[HostContainersStatus, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


HEAD = ["host", "zone", "roles", "vote", "member", "state", "TL", "lag", "restart for", "store seen"]


def host_rows(status: HostsStatus) -> list[list[Cell]]:
    """One line per host."""
    return [
        [
            host.name,
            host.zone or None,
            ", ".join(host.roles),
            _vote(host),
            host.role or (host.agent_error[:_SHORT] or None),
            host.state,
            host.timeline,
            human_size(host.lag),
            ", ".join(host.pending_restart) or None,
            None if host.store_seen is None else f"{human_seconds(host.store_seen)} ago",
        ]
        for host in status.hosts
    ]


def summary(status: HostsStatus) -> str:
    """The votes in one line, who leads, and what is out of the ordinary."""
    votes = f"{status.votes_counted} of {status.votes} votes, {status.votes_needed} needed"
    return "; ".join([votes, f"leader {status.leader or 'nobody'}", *_modes(status)])


def container_head(containers: Sequence[HostContainersStatus]) -> list[str]:
    """The columns of `container_rows`."""
    return ["host", "engine", "node", *_others(containers)]


def container_rows(containers: Sequence[HostContainersStatus]) -> list[list[Cell]]:
    """One line per host: its engine, and what runs there."""
    columns = ("node", *_others(containers))
    return [
        [each.name, each.error[:_SHORT] or "answers", *(_services(each).get(name) for name in columns)]
        for each in containers
    ]


def _others(containers: Sequence[HostContainersStatus]) -> list[str]:
    return sorted({name for each in containers for name in _services(each)} - {"node"})


def _services(each: HostContainersStatus) -> dict[str, str]:
    """A node is called like its host."""
    return {"node" if name == each.name else name: state for name, state in each.services.items()}


def _vote(host: HostStatus) -> str | None:
    if host.vote is None:
        return None
    if host.vote:
        return "counts, leads" if host.vote_leads else "counts"
    return f"lost: {host.vote_error[:_SHORT]}"


def _modes(status: HostsStatus) -> Iterator[str]:
    if status.paused:
        yield "Patroni is paused"
    if status.failsafe:
        yield f"failsafe on {', '.join(status.failsafe)}"
