"""data/hosts.json: what it holds comes back, and what it never held is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.docker_hosts import Host
from cluster.hosts_state import PHASES, Cut, HostRecord, HostsState, dump_state, has_roles, parse_state

_TEXT = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=8)
_RECORDS = st.builds(HostRecord, name=_TEXT, address=_TEXT, home=_TEXT, host_key=_TEXT)


@given(st.builds(HostsState, identity=_TEXT, phase=st.sampled_from(PHASES), hosts=st.lists(_RECORDS).map(tuple)))
def test_a_state_is_read_back(state: HostsState) -> None:
    assert parse_state(dump_state(state)) == state


def test_a_host_is_replaced_by_one_of_its_name() -> None:
    state = HostsState().with_host(HostRecord(name="a", address="1", home="/a"))
    state = state.with_host(HostRecord(name="a", address="2", home="/a"))
    assert [each.address for each in state.hosts] == ["2"]
    assert state.find("b") is None
    assert state.without_host("a") == HostsState()


def test_a_cut_stays_in_later_phases() -> None:
    cut = Cut(source="primary", lsn="0/1", timeline=1)
    assert HostsState().in_phase("switching", cut).in_phase("patroni").cut == cut


def test_an_unknown_phase_is_refused() -> None:
    with pytest.raises(ValueError, match="phase"):
        parse_state(dump_state(HostsState()).replace('"none"', '"done"'))


def test_a_host_has_its_roles_when_its_record_has_all_of_them() -> None:
    """One that is being added has none yet; one whose roles grew in the file lacks the new one."""
    host = Host(name="delta", address="192.0.2.4", roles=("etcd", "node"))
    record = HostRecord(name="delta", address="192.0.2.4", home="/srv/pods")
    assert not has_roles(None, host)
    assert not has_roles(record, host)
    assert not has_roles(replace(record, roles=("node",)), host)
    assert has_roles(replace(record, roles=("node", "pooler", "etcd")), host)
