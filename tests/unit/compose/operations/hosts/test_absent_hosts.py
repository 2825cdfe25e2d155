"""What is done to all hosts is not begun without one."""

from dataclasses import dataclass, field, replace

import pytest

from cluster.errors import RefusedError
from cluster.hosts.hosts_reading import HostReading, HostsReading
from cluster.topology import Node
from compose.home.paths import Home
from compose.operations.hosts.absent_hosts import refuse_absent
from compose.stack import Stack
from tests.fix_hosts import NAMES, THREE, reading
from tests.fix_settings import settings_of, topology_of

SETTINGS = replace(settings_of(), hosts=THREE)
TOPOLOGY = replace(
    topology_of(SETTINGS),
    nodes=tuple(Node(name=name, ordinal=at, host=name) for at, name in enumerate(NAMES, 1)),
    primary="alpha",
    engine="patroni",
)


@dataclass(frozen=True)
class _Answering(Stack):
    hosts: HostsReading = field(default_factory=HostsReading)

    def read_hosts(self) -> HostsReading:
        return self.hosts


def _stack(home: Home, hosts: HostsReading) -> Stack:
    return _Answering(home, SETTINGS, TOPOLOGY, hosts=hosts)


def test_nothing_is_refused_while_each_answers(bare_home: Home) -> None:
    refuse_absent(_stack(bare_home, reading("well")))


def test_one_that_does_not_is_named_with_what_to_do(bare_home: Home) -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_absent(_stack(bare_home, reading("host_frozen")))
    assert refused.value.message == "not every host answers: gamma (no answer within 2 s)"
    assert "inv hosts.remove gamma --gone" in refused.value.hint


def test_a_witness_counts_and_a_lone_agent_that_is_down_does_not(bare_home: Home) -> None:
    witness = HostReading(name="gamma", node=False, vote_error="no route to host")
    found = reading("well")
    with pytest.raises(RefusedError, match="gamma"):
        refuse_absent(_stack(bare_home, replace(found, hosts={**found.hosts, "gamma": witness})))
    refuse_absent(_stack(bare_home, reading("agent_hung")))


def test_on_one_host_nobody_is_asked(bare_home: Home) -> None:
    here = replace(TOPOLOGY, engine="local")
    refuse_absent(_Answering(bare_home, SETTINGS, here, hosts=reading("host_frozen")))
