"""What is said of hosts in situations that a real cluster was in, and what holds in any."""

from collections.abc import Collection
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.hosts.etcd_documents import VoteHealth
from cluster.hosts.hosts_reading import HostReading, HostsReading, Votes
from cluster.hosts.hosts_verdict import HostsVerdict
from cluster.remedies import split_remedy
from tests.fix_hosts import NAMES, reading


def _verdict(
    found: HostsReading, answering: Collection[str] = NAMES, *, automatic: bool = True
) -> tuple[list[str], dict[str, list[str]]]:
    """The problems, each of which has a remedy, and by node its own."""
    verdict = HostsVerdict(reading=found, nodes=NAMES, answering=answering, automatic=automatic)
    own = verdict.about()
    assert all(split_remedy(reason)[1] for reason in [*verdict.reasons(), *(r for each in own.values() for r in each)])
    problems = [split_remedy(reason)[0] for reason in verdict.reasons()]
    return problems, {name: [split_remedy(reason)[0] for reason in each] for name, each in own.items()}


def test_a_cluster_that_is_well_has_no_reason() -> None:
    assert _verdict(reading("well")) == ([], {})
    assert list(HostsVerdict(reading=reading("well"), nodes=NAMES).notes()) == ["failover: auto, by Patroni"]


def test_a_member_that_was_forgotten_and_runs_again_is_named() -> None:
    known = tuple(name for name in NAMES if name != "gamma")
    (reason,) = HostsVerdict(reading=reading("well"), nodes=known, answering=known).reasons()
    assert reason.startswith("gamma is a member that was taken out of the cluster and runs again")


def test_fewer_votes_than_three_are_a_note() -> None:
    here = reading("well")
    two = replace(here, hosts={name: each for name, each in here.hosts.items() if name != "gamma"})
    notes = list(HostsVerdict(reading=two, nodes=NAMES).notes())
    assert any(note.startswith("2 votes, of which none may be lost") for note in notes)
    one = replace(here, hosts={"alpha": here.hosts["alpha"]})
    assert not [note for note in HostsVerdict(reading=one, nodes=NAMES).notes() if "leads etcd too" in note]


def test_a_vote_that_is_lost() -> None:
    assert _verdict(reading("vote_lost")) == (
        ["a vote is lost: gamma (no answer within 2 s); one more loss stops failover"],
        {},
    )


def test_a_majority_that_is_lost() -> None:
    problems, own = _verdict(reading("votes_lost"))
    assert problems == [
        "0 of 3 votes take part and 2 are needed: nobody can be elected; missing: alpha (RAFT NO LEADER), "
        "beta (no answer within 2 s), gamma (no answer within 2 s)",
        "failsafe: alpha, beta, gamma without the store; the primary goes on while every host answers it",
    ]
    assert own == {}


def test_a_host_that_is_frozen_is_said_once() -> None:
    """Its server is silent too, which the verdict on the nodes says."""
    problems, own = _verdict(reading("host_frozen"), ("alpha", "beta"))
    assert problems == ["a vote is lost: gamma (no answer within 2 s); one more loss stops failover"]
    assert own == {}


def test_a_pooler_that_is_away_is_named_unless_its_host_is() -> None:
    here = reading("well")
    hosts = {name: replace(each, pooler_error="Connection refused") for name, each in here.hosts.items()}
    hosts |= {"alpha": replace(hosts["alpha"], agent=None, agent_error="no answer"), "beta": here.hosts["beta"]}
    problems, _ = _verdict(replace(here, hosts=hosts))
    assert problems == ["the PgBouncer on gamma does not answer, and clients go to another: Connection refused"]


def test_nobody_leads() -> None:
    problems, _ = _verdict(reading("unlocked"))
    assert problems == ["no host leads, so that nothing takes writes"]
    paused, _ = _verdict(reading("unlocked"), automatic=False)
    assert paused == ["no host leads, and nobody is promoted by itself"]


def test_an_agent_that_hangs_while_its_server_answers() -> None:
    """The server that nobody stops: the one situation in which two may take writes."""
    problems, own = _verdict(reading("agent_hung"))
    assert problems == []
    assert own == {"alpha": ["alpha's agent does not answer and its server does: no answer within 2 s"]}


def test_a_leader_that_is_gone_keeps_the_lease_for_a_while() -> None:
    problems, _ = _verdict(reading("leader_killed"), ("alpha", "gamma"))
    assert "beta has the lease and does not answer" in problems


def test_a_pause_that_nobody_wants_and_one_that_is_wanted() -> None:
    assert _verdict(reading("paused"))[0] == ["Patroni is paused, so that there is no automatic failover"]
    assert _verdict(reading("paused"), automatic=False) == ([], {})


def test_pending_restarts_are_a_note_unless_the_server_says_it_already() -> None:
    found = reading("paused")
    notes = list(HostsVerdict(reading=found, nodes=NAMES, restarts={"alpha": ("max_connections",)}).notes())
    assert [split_remedy(note)[0] for note in notes] == [
        "beta needs a restart for max_connections",
        "gamma needs a restart for max_connections",
    ]


def test_who_leads_etcd_is_a_note_where_that_is_the_primary_s_host() -> None:
    found = reading("well")
    figures = {name: found.hosts[name].figures for name in NAMES}
    assert found.leader is not None
    assert all(figures.values()), "else nothing is tried here"

    def notes(voter: str) -> list[str]:
        hosts = {n: replace(h, figures=replace(h.figures, leads=n == voter)) for n, h in found.hosts.items()}  # type: ignore[type-var]
        return [
            note for note in HostsVerdict(reading=replace(found, hosts=hosts), nodes=NAMES).notes() if "etcd" in note
        ]

    assert [bool(notes(name)) for name in NAMES] == [name == found.leader for name in NAMES]
    assert notes(found.leader)[0].endswith("run: inv up, which lets another vote lead")


def test_an_agent_that_is_cut_off_from_the_store() -> None:
    found = reading("well")
    _, own = _verdict(replace(found, taken=found.taken + 60))
    assert all(f"{name} has not reached the store for " in own[name][0] for name in NAMES)


def test_a_node_that_the_store_does_not_know() -> None:
    found = reading("well")
    assert found.listing is not None
    fewer = replace(found.listing, members=tuple(m for m in found.listing.members if m.name != "gamma"))
    _, own = _verdict(replace(found, listing=fewer))
    assert own == {"gamma": ["gamma is no member in the store, and cannot be elected"]}


def test_a_node_whose_host_is_gone_from_the_file() -> None:
    found = reading("well")
    _, own = _verdict(replace(found, hosts={name: host for name, host in found.hosts.items() if name != "beta"}))
    assert own == {"beta": ["beta is on no host of config/hosts.toml"]}


def test_two_agents_that_say_they_take_writes() -> None:
    found = reading("well")
    both = {**found.hosts, "beta": replace(found.hosts["alpha"], name="beta")}
    problems, _ = _verdict(replace(found, hosts=both), ("alpha",))
    assert problems == ["two hosts say that they take writes: alpha and beta"]
    assert _verdict(replace(found, hosts=both))[0] == [], "SQL reaches both, and the verdict on the nodes has it"


def test_nobody_answers_at_all() -> None:
    silent = HostsReading(hosts={name: HostReading(name=name, agent_error="no", vote_error="no") for name in NAMES})
    problems, own = _verdict(silent, ())
    assert len(problems) == 1
    assert problems[0].startswith("0 of 3 votes take part and 2 are needed")
    assert own == {}


@given(st.integers(1, 9), st.data())
def test_votes(total: int, data: st.DataObject) -> None:
    counted = data.draw(st.integers(0, total))
    votes = Votes(total=total, counted=counted)
    assert votes.quorate == (counted > total / 2)
    assert votes.quorate == (votes.spare >= 0)


@given(st.lists(st.booleans(), min_size=3, max_size=7).filter(lambda each: len(each) % 2 == 1))
def test_every_vote_that_is_lost_is_named_and_none_that_is_not(alive: list[bool]) -> None:
    found = reading("well")
    hosts = {
        f"h{n}": HostReading(name=f"h{n}", node=False, vote=VoteHealth(healthy=True) if well else None, vote_error="x")
        for n, well in enumerate(alive)
    }
    verdict = HostsVerdict(reading=replace(found, hosts={**found.hosts, **hosts}), nodes=NAMES, answering=NAMES)
    reasons = " ".join(verdict.reasons())
    assert {name for name in hosts if f"{name} (" in reasons} == {f"h{n}" for n, well in enumerate(alive) if not well}
    assert ("nobody can be elected" in reasons) == (3 + sum(alive) <= (3 + len(alive)) / 2)


@pytest.mark.parametrize("situation", ["well", "paused", "agent_hung", "votes_lost"])
def test_what_is_said_of_a_node_names_it(situation: str) -> None:
    _, own = _verdict(replace(reading(situation), taken=reading(situation).taken + 600))
    assert all(reason.startswith(name) for name, reasons in own.items() for reason in reasons)
