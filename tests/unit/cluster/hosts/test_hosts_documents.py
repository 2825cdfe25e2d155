"""Documents of a real Patroni and a real etcd, and whatever else may come in their stead."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.hosts.etcd_documents import VoteHealth, parse_figures, parse_health
from cluster.hosts.patroni_documents import parse_agent, parse_listing
from tests.fix_hosts import NAMES, SITUATIONS, documents, reading

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_document_of_a_real_cluster_is_read(situation: str) -> None:
    assert set(reading(situation).hosts) == set(NAMES)


def test_a_cluster_that_is_well() -> None:
    found = reading("well")
    assert (found.leader, found.primaries, found.votes.spare) == ("alpha", ("alpha",), 1)
    agent = found.agents["alpha"]
    assert (agent.role, agent.state, agent.timeline, agent.version) == ("primary", "running", 1, "4.1.5")
    assert agent.primary
    assert not any((agent.paused, agent.failsafe, agent.unlocked, agent.restart_pending))
    assert found.listing is not None
    assert [(m.name, m.role, m.state, m.lag) for m in found.listing.members] == [
        ("alpha", "leader", "running", None),
        ("beta", "quorum_standby", "streaming", 0),
        ("gamma", "quorum_standby", "streaming", 0),
    ]


def test_what_is_pending_and_that_it_is_paused() -> None:
    found = reading("paused")
    assert found.paused
    assert found.listing is not None
    assert found.listing.paused
    assert {agent.pending_restart for agent in found.agents.values()} == {("max_connections",)}
    assert all(member.pending_restart for member in found.listing.members)


def test_a_lag_that_nobody_knows() -> None:
    listing = reading("rejoining").listing
    assert listing is not None
    member = listing.find("alpha")
    assert member is not None
    assert (member.state, member.lag, member.timeline) == ("starting", None, None)
    assert listing.find("delta") is None


def test_a_member_without_a_majority_says_so() -> None:
    found = reading("votes_lost")
    assert found.hosts["alpha"].vote == VoteHealth(healthy=False, reason="RAFT NO LEADER")
    figures = found.hosts["alpha"].figures
    assert figures is not None
    assert not figures.has_leader
    assert found.failsafe == NAMES
    assert (found.votes.counted, found.votes.needed, found.votes.quorate) == (0, 2, False)


def test_figures_of_a_vote() -> None:
    leading = [name for name, host in reading("well").hosts.items() if host.figures and host.figures.leads]
    assert leading == ["beta"]
    figures = reading("well").hosts["beta"].figures
    assert figures is not None
    assert (figures.size, figures.quota, figures.leader_changes) == (40960, 2 << 30, 2)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"state": 1, "role": "x"}', '{"members": {}, "scope": "a"}', "{" * 9999]
)
def test_what_is_no_document_is_refused(text: str) -> None:
    for parse in (parse_agent, parse_listing, parse_health):
        with pytest.raises(ValueError, match=r"\w"):
            parse(text)
    with pytest.raises(ValueError, match="it has no"):
        parse_figures(text)


@given(ANYTHING, st.sampled_from(["patroni", "cluster", "health"]), st.data())
def test_whatever_a_key_holds_it_is_read_or_refused_and_nothing_else(
    value: object, document: str, data: st.DataObject
) -> None:
    raw = json.loads(documents("paused")["alpha"][document])
    raw[data.draw(st.sampled_from(sorted(raw)))] = value
    parse = {"patroni": parse_agent, "cluster": parse_listing, "health": parse_health}[document]
    with suppress(ValueError):
        assert parse(json.dumps(raw)) is not None


@pytest.mark.parametrize("number", ["NaN", "+Inf", "", "x"])
def test_a_figure_that_is_no_number_is_refused(number: str) -> None:
    lines = documents("well")["alpha"]["metrics"].splitlines()
    text = "\n".join(f"etcd_server_has_leader {number}" if "has_leader" in line else line for line in lines)
    with pytest.raises(ValueError, match=r"\w"):
        parse_figures(text)
