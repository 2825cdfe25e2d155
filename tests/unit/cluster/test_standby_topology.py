"""The nodes on hosts that follow the cluster until it moves to them: ports that stay, no name twice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.endpoints import host_endpoint
from cluster.errors import RefusedError
from cluster.observed_topology import is_member, member_slot, slot_owner
from cluster.standby_topology import (
    followers,
    moved_to,
    prepared_on,
    returned,
    returning_on,
    spans_hosts,
    without_followers,
)
from cluster.topology import Topology, host_ports
from cluster.topology_file import dump, parse
from tests.fix_settings import settings_of, topology_of
from tests.unit.strategies import topologies

HOSTS = ("alpha", "beta", "gamma")
SETTINGS = replace(
    settings_of(),
    hosts=DockerHosts(
        hosts=tuple(
            Host(name=name, address=f"10.0.0.{n}", ssh="local" if n == 11 else f"u@{name}", home="/srv/pods")
            for n, name in enumerate(HOSTS, 11)
        )
    ),
)


@given(topologies(), st.sets(st.sampled_from(HOSTS), min_size=1))
def test_no_port_of_a_running_cluster_moves_when_hosts_are_prepared_and_none_of_theirs_later(
    topology: Topology, first: set[str]
) -> None:
    some = prepared_on(topology, sorted(first))
    before, ports = host_ports(SETTINGS, topology), host_ports(SETTINGS, some)
    assert {name: ports[name] for name in before} == before
    every = prepared_on(some, HOSTS)
    kept = {node.name: node.ordinal for node in some.standby}
    assert {node.name: node.ordinal for node in every.standby if node.name in kept} == kept
    assert parse(dump(every)) == every


def test_a_cluster_that_moved_has_the_hosts_nodes_and_no_other() -> None:
    prepared = prepared_on(topology_of(SETTINGS), HOSTS)
    moved = moved_to(prepared, "beta")
    assert (moved.engine, moved.names, moved.primary, moved.standby) == ("patroni", HOSTS, "beta", ())
    assert moved.local_nodes == ()
    assert host_endpoint(SETTINGS, moved, "beta") == ("10.0.0.12", 5432)
    assert spans_hosts(prepared)
    assert spans_hosts(moved)
    assert not spans_hosts(topology_of(SETTINGS))


def test_nobody_else_can_be_called_like_a_node_that_waits_on_a_host() -> None:
    with pytest.raises(RefusedError, match="alpha"):
        prepared_on(topology_of(SETTINGS), HOSTS).check_free("alpha")


@given(st.integers(1, 4), st.integers(0, 2))
def test_nodes_that_follow_for_a_return_are_no_members_and_have_slots_of_their_own(count: int, replicas: int) -> None:
    moved = moved_to(prepared_on(topology_of(settings_of(REPLICAS=str(replicas))), HOSTS), "beta")
    returning = returning_on(moved, count)
    names = followers(returning)
    assert len(names) == count
    assert returning_on(returning, count) == returning
    assert without_followers(returning) == moved
    for name in returning.names:
        assert slot_owner(returning, member_slot(returning, name)) == name
        assert is_member(returning, name) == (name in HOSTS)
    assert followers(moved) == followers(returned(returning)) == ()
    assert returned(returning).local_names == names
