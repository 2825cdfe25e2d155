"""The hosts of a cluster, reached: their engines, Patroni's agents, etcd's members."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from cluster.config.docker_hosts import ETCD_PORT, PATRONI_PORT, Host
from cluster.errors import MachineError, PodsError
from cluster.hosts.patroni_documents import ListedMember
from cluster.hosts.patroni_history import Succession
from cluster.http.etcd_api import EtcdApi
from cluster.http.mutual_tls import Identity, Peer
from cluster.http.patroni_api import PatroniApi, leader_of
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import open_hosts
from compose.home.ha_certificates import CONTROL, holder_directory
from compose.home.hosts_secrets import ETCD_ROOT, PATRONI_API, hosts_password
from compose.home.paths import Home
from compose.render.hosts.patroni_yml import PATRONI_USER
from compose.stack import Stack

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Fleet:
    """Every host of ``stack``; ``engines`` by name."""

    stack: Stack
    engines: Mapping[str, HostEngine]

    @property
    def nodes(self) -> tuple[Host, ...]:
        """Those with a node."""
        return self.stack.settings.hosts.with_role("node")

    @property
    def votes(self) -> tuple[Host, ...]:
        """Those with a member of etcd."""
        return self.stack.settings.hosts.with_role("etcd")

    @cached_property
    def agents(self) -> Mapping[str, PatroniApi]:
        """Patroni on every host with a node."""
        return {host.name: agent_of(self.stack.home, host) for host in self.nodes}

    @cached_property
    def stores(self) -> Mapping[str, EtcdApi]:
        """The members of etcd, by their hosts."""
        return {host.name: store_of(self.stack.home, host) for host in self.votes}

    @property
    def any_store(self) -> EtcdApi:
        """A member of etcd that serves.

        Raises:
            MachineError: none does.
        """
        for store in self.stores.values():
            if not store.healthy():
                return store
        raise MachineError("no member of etcd answers and has a leader", "see inv status")

    def members(self) -> tuple[ListedMember, ...]:
        """All members, as the first agent that answers knows them.

        Raises:
            MachineError: none answers.
        """
        return self._first(PatroniApi.members)

    def history(self) -> tuple[Succession, ...]:
        """Who led since when, as the first agent that answers knows it.

        Raises:
            MachineError: none answers.
        """
        return self._first(PatroniApi.history)

    def _first(self, read: Callable[[PatroniApi], Answer]) -> Answer:
        problems = []
        for agent in self.agents.values():
            try:
                return read(agent)
            except PodsError as error:
                problems.append(error.message)
        raise MachineError("; ".join(problems) or "no host has a node", "see inv status")

    def leader(self) -> str:
        """Whom the others follow.

        Raises:
            PodsError: nobody is, or no agent answers.
        """
        return leader_of(self.members()).name


@contextmanager
def open_fleet(stack: Stack) -> Iterator[Fleet]:
    """All hosts of ``stack``, for the length of a task.

    Raises:
        PodsError: there are none, or one cannot be reached.
    """
    with open_hosts(stack.home, stack.settings, stack.settings.hosts.names) as engines:
        yield Fleet(stack, engines)


def _peer(home: Home, title: str, host: Host, port: int) -> Peer:
    own = holder_directory(home, CONTROL)
    identity = Identity(ca=own / "ca.crt", certificate=own / "client.crt", key=own / "client.key")
    return Peer(title=title, address=host.address, port=port, identity=identity)


def agent_of(home: Home, host: Host) -> PatroniApi:
    """Patroni on ``host``, as somebody who may give it orders."""
    peer = _peer(home, f"Patroni on {host.name}", host, PATRONI_PORT)
    return PatroniApi(replace(peer, user=PATRONI_USER, password=hosts_password(home, PATRONI_API)))


def store_of(home: Home, host: Host) -> EtcdApi:
    """The member of etcd on ``host``, as its administrator."""
    return EtcdApi(_peer(home, host.etcd, host, ETCD_PORT), hosts_password(home, ETCD_ROOT))
