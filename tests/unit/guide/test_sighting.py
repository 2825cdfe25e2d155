from hypothesis import given
from hypothesis import strategies as st

from guide.agents import agent_reading
from guide.sighting import AgentReading, MemberReading, ServerReading, find_leader

LEADS, OTHER, MUTE, NONE = AgentReading.LEADS, AgentReading.OTHER, AgentReading.SILENT, AgentReading.ABSENT
WRITES, STANDBY, CLOSED = ServerReading.WRITES, ServerReading.STANDBY, ServerReading.CLOSED
GONE, SILENT = ServerReading.GONE, ServerReading.SILENT

NAMES = ("alpha", "beta", "gamma")
readings = st.tuples(
    *(
        st.builds(
            MemberReading,
            name=st.just(name),
            agent=st.sampled_from(AgentReading),
            server=st.sampled_from(ServerReading),
        )
        for name in NAMES
    )
)


def _read(*nodes: tuple[AgentReading, ServerReading]) -> list[MemberReading]:
    return [MemberReading(name=name, agent=a, server=s) for name, (a, s) in zip(NAMES, nodes, strict=False)]


def test_the_one_that_leads_and_takes_writes_is_the_primary() -> None:
    assert find_leader(_read((OTHER, STANDBY), (LEADS, WRITES), (OTHER, STANDBY)), "alpha").leader == "beta"


def test_the_lease_alone_makes_no_primary_while_the_server_is_being_promoted() -> None:
    found = find_leader(_read((OTHER, GONE), (LEADS, STANDBY)), "alpha")
    assert (found.leader, found.certain) == ("", True)
    assert "beta leads and does not take writes" in found.reason


def test_the_old_leader_that_counts_its_lease_a_moment_longer_is_none_once_it_takes_no_writes() -> None:
    assert find_leader(_read((LEADS, STANDBY), (LEADS, WRITES)), "alpha").leader == "beta"


def test_two_that_lead_and_take_writes_are_none() -> None:
    found = find_leader(_read((LEADS, WRITES), (LEADS, WRITES)), "alpha")
    assert (found.leader, found.several, found.certain) == ("", True, True)


def test_who_takes_writes_without_the_lease_is_no_primary_where_its_agent_answers() -> None:
    assert find_leader(_read((OTHER, WRITES), (OTHER, STANDBY)), "alpha").leader == ""


def test_a_dead_agent_takes_no_server_with_it() -> None:
    assert find_leader(_read((MUTE, WRITES), (OTHER, STANDBY)), "alpha").leader == "alpha"
    assert find_leader(_read((MUTE, WRITES), (LEADS, WRITES)), "alpha").leader == "beta"
    assert find_leader(_read((MUTE, WRITES), (OTHER, STANDBY)), "beta").leader == "", "never one that was none before"


def test_where_no_agent_answers_the_servers_alone_count() -> None:
    assert find_leader(_read((MUTE, STANDBY), (MUTE, WRITES)), "alpha").leader == "beta"
    assert find_leader(_read((NONE, GONE), (NONE, WRITES)), "alpha").leader == "beta"
    assert find_leader(_read((NONE, WRITES), (NONE, WRITES)), "alpha").several


def test_missing_answers_are_no_certain_sign() -> None:
    assert not find_leader(_read((NONE, SILENT), (NONE, STANDBY)), "alpha").certain
    assert not find_leader(_read((LEADS, SILENT), (OTHER, STANDBY)), "alpha").certain
    assert find_leader(_read((NONE, GONE), (NONE, STANDBY)), "alpha").certain
    assert find_leader(_read((OTHER, SILENT), (OTHER, STANDBY)), "alpha").certain


def test_a_server_that_lets_nobody_in_is_up_when_its_agent_says_so() -> None:
    assert find_leader(_read((LEADS, CLOSED)), "alpha").leader == "alpha"
    assert find_leader(_read((NONE, CLOSED)), "alpha").leader == ""


@given(readings, st.sampled_from(("", *NAMES)))
def test_a_primary_was_seen_to_be_one(seen: tuple[MemberReading, ...], last: str) -> None:
    found = find_leader(seen, last)
    if not found.leader:
        assert found.reason
        return
    assert not found.several
    leader = next(each for each in seen if each.name == found.leader)
    assert leader.server is WRITES or (leader.agent is LEADS and leader.server is CLOSED)
    assert leader.agent is not OTHER
    for other in seen:
        assert other is leader or not (other.agent is LEADS and other.server is WRITES)


def test_the_answer_of_an_agent() -> None:
    assert agent_reading(200, b'{"state": "running", "role": "primary"}') is LEADS
    assert agent_reading(200, b'{"state": "running", "role": "master"}') is LEADS
    for body in (b'{"state": "starting", "role": "primary"}', b'{"state": "running", "role": "replica"}', b"[]", b"{"):
        assert agent_reading(200, body) is OTHER
    assert agent_reading(503, b'{"state": "running", "role": "primary"}') is OTHER
