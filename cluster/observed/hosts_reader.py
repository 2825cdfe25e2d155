"""Reads agents of Patroni, members of etcd and PgBouncers of every Docker host, at once and within a deadline.

Nobody logs in: the agents' GET is open to who reaches the port, and etcd wants a certificate of the hosts' own CA. The
listing of members costs the agent a read of the store, and its thread for as long as the store is away: it is asked of
one agent alone, and only of one that reached the store lately.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from cluster.config.docker_hosts import ETCD_PORT, PATRONI_PORT, POOLER_PORT, DockerHosts, Host
from cluster.errors import MachineError
from cluster.hosts.etcd_documents import VoteFigures, VoteHealth, parse_figures, parse_health
from cluster.hosts.hosts_reading import HostReading, HostsReading
from cluster.hosts.patroni_documents import AgentFacts, ClusterListing, parse_agent, parse_listing
from cluster.http.mutual_tls import Identity
from cluster.observed.poller import Poller
from cluster.observed.snapshot import Snapshot
from cluster.postgres.ssl_request import SSL_REQUEST

_LARGEST = 4 << 20
"""Bytes of an answer that is read: etcd's metrics are 180 kB."""
_LATELY = 15.0
"""Seconds since an agent reached the store, for it to be asked what lies there."""

MOUNTED = Path("/run/ha")
"""Where a service has the certificate that it shows; as in `Identity`."""

Document = TypeVar("Document")


def identity_in(directory: Path) -> Identity:
    """Of a client whose certificate is in ``directory``."""
    return Identity(ca=directory / "ca.crt", certificate=directory / "client.crt", key=directory / "client.key")


class HostsReader:
    """Reads the same hosts again and again; one that hangs costs a thread and not one a reading."""

    def __init__(self) -> None:
        self._poller, self._listings = Poller(), Poller()

    def read(self, hosts: DockerHosts, identity: Identity, *, deadline: float, figures: bool = False) -> HostsReading:
        """What each of ``hosts`` answers within ``deadline`` seconds; the votes' ``figures`` for who wants them."""
        try:
            source = _Source(identity.context(), deadline)
        except MachineError as error:
            unread = {host.name: _unread(host, error.message) for host in hosts.hosts}
            return HostsReading(hosts=unread, taken=time.time())
        began = time.monotonic()
        work: dict[str, Callable[[], object]] = {}
        for host in hosts.with_role("node"):
            work[f"agent {host.name}"] = partial(source.agent, host)
        for host in hosts.with_role("etcd"):
            work[f"vote {host.name}"] = partial(source.vote, host)
            if figures:
                work[f"figures {host.name}"] = partial(source.figures, host)
        for host in hosts.with_role("pooler"):
            work[f"pooler {host.name}"] = partial(source.pooler, host)
        done = self._poller.run(work, deadline)
        late = f"no answer within {deadline:.0f} s"
        readings = {host.name: _reading(host, done, late) for host in hosts.hosts}
        rest = max(0.5, deadline - (time.monotonic() - began))
        return HostsReading(hosts=readings, listing=self._listing(source, hosts, readings, rest), taken=time.time())

    def _listing(
        self, source: "_Source", hosts: DockerHosts, readings: Mapping[str, HostReading], deadline: float
    ) -> ClusterListing | None:
        """As the agent has it that reached the store last."""
        seen = {name: reading.agent.seen or 0 for name, reading in readings.items() if reading.agent is not None}
        name = max(seen, key=lambda each: seen[each], default=None)
        host = hosts.find(name) if name is not None and time.time() - seen[name] < _LATELY else None
        if host is None:
            return None
        found = self._listings.run({"listing": partial(source.listing, host)}, deadline).get("listing")
        return found if isinstance(found, ClusterListing) else None


@dataclass(frozen=True, slots=True)
class _Source:
    """Documents over TLS; each is what it should be, or the text of why there is none."""

    context: ssl.SSLContext
    timeout: float

    def agent(self, host: Host) -> AgentFacts | str:
        return self._document(host, PATRONI_PORT, "/patroni", parse_agent)

    def listing(self, host: Host) -> ClusterListing | str:
        return self._document(host, PATRONI_PORT, "/cluster", parse_listing)

    def vote(self, host: Host) -> VoteHealth | str:
        return self._document(host, ETCD_PORT, "/health", parse_health)

    def figures(self, host: Host) -> VoteFigures | str:
        return self._document(host, ETCD_PORT, "/metrics", lambda text: parse_figures(text.decode(errors="replace")))

    def pooler(self, host: Host) -> str:
        """Why PgBouncer does not answer a first word, which it does for everybody, whatever its pools wait for."""
        try:
            with socket.create_connection((host.address, POOLER_PORT), self.timeout) as connection:
                connection.sendall(SSL_REQUEST)
                return "" if connection.recv(1) == b"S" else "it wants no TLS"
        except OSError as error:
            return _words(error)

    def _document(self, host: Host, port: int, path: str, parse: Callable[[bytes], Document]) -> Document | str:
        connection = http.client.HTTPSConnection(host.address, port, timeout=self.timeout, context=self.context)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return parse(answer.read(_LARGEST))
        except (OSError, http.client.HTTPException) as error:
            return _words(error)
        except ValueError as error:
            return f"{path} cannot be read: {error}"
        finally:
            connection.close()


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def both(
    nodes: Callable[[], Snapshot], hosts: Callable[[], HostsReading] | None
) -> tuple[Snapshot, HostsReading | None]:
    """Nodes and hosts read at once; without a reader of hosts nodes alone. Each has its own deadline."""
    if hosts is None:
        return nodes(), None
    with ThreadPoolExecutor(1, thread_name_prefix="hosts") as threads:
        reading = threads.submit(hosts)
        return nodes(), reading.result()


def _reading(host: Host, done: Mapping[str, object], late: str) -> HostReading:
    agent, vote = done.get(f"agent {host.name}", late), done.get(f"vote {host.name}", late)
    figures, pooler = done.get(f"figures {host.name}"), done.get(f"pooler {host.name}", late)
    node, votes = "node" in host.roles, "etcd" in host.roles
    return HostReading(
        name=host.name,
        node=node,
        votes=votes,
        agent=agent if isinstance(agent, AgentFacts) else None,
        agent_error=agent if isinstance(agent, str) and node else "",
        vote=vote if isinstance(vote, VoteHealth) else None,
        vote_error=vote if isinstance(vote, str) and votes else "",
        pooler_error=pooler if isinstance(pooler, str) and "pooler" in host.roles else "",
        figures=figures if isinstance(figures, VoteFigures) else None,
    )


def _unread(host: Host, why: str) -> HostReading:
    node, votes = "node" in host.roles, "etcd" in host.roles
    return HostReading(
        name=host.name, node=node, votes=votes, agent_error=why if node else "", vote_error=why if votes else ""
    )
