"""What a real Patroni 4.1.5 on etcd 3.5.30 answered, three hosts, in nine situations; and readings made of that."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.hosts.etcd_documents import parse_figures, parse_health
from cluster.hosts.hosts_reading import HostReading, HostsReading
from cluster.hosts.patroni_documents import parse_agent, parse_listing

DIRECTORY = Path(__file__).parent / "unit" / "cluster" / "hosts" / "documents"
SITUATIONS = tuple(sorted(path.stem for path in DIRECTORY.glob("*.json")))
NAMES = ("alpha", "beta", "gamma")
THREE = DockerHosts(
    hosts=tuple(Host(name=name, address=f"10.0.0.{n}", zone=f"rack{n}") for n, name in enumerate(NAMES, 11))
)


@cache
def documents(situation: str) -> Mapping[str, Mapping[str, str]]:
    """By host, what it answered: patroni, cluster, health, metrics; what did not answer is not there."""
    found: dict[str, dict[str, str]] = json.loads((DIRECTORY / f"{situation}.json").read_text())
    return found


def reading(situation: str) -> HostsReading:
    """The same as a reader has it, at the moment when the agents last saw the store."""
    answers = documents(situation)
    hosts = {}
    for name, host in answers.items():
        agent, vote, figures = host.get("patroni"), host.get("health"), host.get("metrics")
        hosts[name] = HostReading(
            name=name,
            agent=parse_agent(agent) if agent else None,
            agent_error="" if agent else "no answer within 2 s",
            vote=parse_health(vote) if vote else None,
            vote_error="" if vote else "no answer within 2 s",
            figures=parse_figures(figures) if figures else None,
        )
    listings = [parse_listing(host["cluster"]) for host in answers.values() if "cluster" in host]
    seen = max((host.agent.seen or 0 for host in hosts.values() if host.agent), default=0)
    return HostsReading(hosts=hosts, listing=listings[-1] if listings else None, taken=float(seen))
