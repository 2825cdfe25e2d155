"""A change of members is asked of who leads etcd, and of whoever serves where that is not known."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from cluster.config.docker_hosts import ETCD_PEER_PORT, Host
from cluster.errors import MachineError, RefusedError
from cluster.http.etcd_api import StoreHealth, StoreMember
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.vote_handover import store_beside
from tests.unit.cluster.test_standby_topology import SETTINGS

HOSTS = SETTINGS.hosts.with_role("etcd")
NAMES = tuple(host.name for host in HOSTS)


def _member(host: Host) -> StoreMember:
    urls = (f"https://{host.etcd}:{ETCD_PEER_PORT}",)
    return StoreMember(name=host.etcd, number=f"n-{host.name}", peer_urls=urls, started=True)


@dataclass
class _Store:
    """A member that answers as it is told."""

    name: str
    leader: str
    away: bool = False
    silent: bool = False
    members_: tuple[StoreMember, ...] = field(default_factory=lambda: tuple(map(_member, HOSTS)))

    def healthy(self) -> str:
        return "no answer" if self.away else ""

    def health(self) -> StoreHealth:
        if self.silent:
            raise MachineError("timed out", "")
        return StoreHealth(leader=f"n-{self.leader}", index=1, size=1, errors=())

    def members(self) -> tuple[StoreMember, ...]:
        return self.members_


@dataclass
class _Fleet:
    stores: dict[str, _Store]
    votes: tuple[Host, ...] = HOSTS


def _beside(host: str, leader: str, **more: Any) -> str:
    stores = {name: _Store(name, leader, **more.get(name, {})) for name in NAMES}
    found = store_beside(cast("Fleet", _Fleet(stores)), next(each for each in HOSTS if each.name == host))
    return cast("_Store", found).name


def test_whoever_leads_is_asked() -> None:
    first, second, third = NAMES[:3]
    assert _beside(third, second) == second
    assert _beside(third, first) == first
    assert _beside(third, second, **{first: {"silent": True}}) == second, "another one knows it"


def test_where_that_is_the_host_itself_or_is_not_known_another_is_asked() -> None:
    first, second, third = NAMES[:3]
    assert _beside(third, third) == first
    assert _beside(third, second, **{name: {"silent": True} for name in NAMES}) == first
    assert _beside(third, second, **{second: {"away": True}}) == first


def test_where_nobody_serves_that_is_said() -> None:
    with pytest.raises(RefusedError, match="no other member of etcd"):
        _beside(NAMES[2], NAMES[1], **{name: {"away": True} for name in NAMES})
