"""Whom hosts obey, and whether the store knows the hosts that this home knows."""

from types import SimpleNamespace
from typing import Any

import pytest

from cluster.config.docker_hosts import Host
from cluster.errors import MachineError, PodsError, RefusedError
from compose.engine.hosts.claims import ControlMachine
from compose.operations.hosts.host_control import refuse_foreign
from compose.operations.hosts.known_parts import refuse_other_parts

WE = ControlMachine(id="1", machine="ops1", home="/srv/pods", project="pods")
THEY = ControlMachine(id="1", machine="ops2", home="/srv/pods", project="pods")
HOSTS = [Host(name=name, address=f"10.0.0.{number}", ssh=name) for number, name in enumerate("abc", 1)]


def _engine(host: Host, claim: str | PodsError) -> Any:
    def read() -> str:
        if isinstance(claim, PodsError):
            raise claim
        return claim

    return SimpleNamespace(name=host.name, host=host, control=WE, claim=read)


def test_hosts_that_obey_us_or_cannot_say_are_no_reason() -> None:
    refuse_foreign([_engine(HOSTS[0], WE.text), _engine(HOSTS[1], ""), _engine(HOSTS[2], MachineError("no disk"))])


def test_one_that_obeys_another_is() -> None:
    with pytest.raises(RefusedError, match="host b is controlled from ops2"):
        refuse_foreign([_engine(HOSTS[0], WE.text), _engine(HOSTS[1], THEY.text)])


def _fleet(votes: str, members: str, nodes: str = "abc") -> Any:
    urls = [SimpleNamespace(peer_urls=(f"https://{host.etcd}:2380",)) for host in HOSTS if host.name in votes]
    store = SimpleNamespace(members=lambda: urls)
    return SimpleNamespace(
        any_store=store,
        votes=[host for host in HOSTS if host.name in nodes],
        members=lambda: [SimpleNamespace(name=name, runs=True) for name in members],
        stack=SimpleNamespace(topology=SimpleNamespace(names=tuple(nodes))),
    )


def test_a_home_that_knows_its_hosts_goes_on() -> None:
    refuse_other_parts(_fleet("abc", "abc"))
    refuse_other_parts(_fleet("abc", "ab"))


@pytest.mark.parametrize(
    ("votes", "members", "words"),
    [
        ("abc", "ab", "etcd has a vote at"),
        ("ab", "abc", "Patroni has a member 'c'"),
    ],
)
def test_a_host_that_came_since_is_named(votes: str, members: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        refuse_other_parts(_fleet(votes, members, "ab"))
    assert "--take-over" in str(refused.value.hint)


def test_a_host_that_went_since_is_named() -> None:
    with pytest.raises(RefusedError, match="no vote of c") as refused:
        refuse_other_parts(_fleet("ab", "ab"))
    assert "inv hosts.remove c" in str(refused.value.hint)
