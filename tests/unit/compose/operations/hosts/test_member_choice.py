"""Who may take over where Patroni decides, and what is refused there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import RefusedError
from cluster.hosts.patroni_documents import ListedMember
from compose.operations.hosts.member_choice import check_loss, choose_member

ALPHA = ListedMember(name="alpha", role="leader", state="running")
BETA = ListedMember(name="beta", role="replica", state="streaming", lag=0)
GAMMA = ListedMember(name="gamma", role="quorum_standby", state="streaming", lag=64)
DEAD = ListedMember(name="delta", role="replica", state="stopped")


def test_one_that_commits_wait_for_goes_first() -> None:
    assert choose_member([ALPHA, BETA, GAMMA, DEAD], "alpha", None) == GAMMA


def test_else_the_one_that_lacks_least() -> None:
    late = ListedMember(name="late", role="replica", state="streaming", lag=1 << 20)
    unknown = ListedMember(name="unknown", role="replica", state="streaming")
    assert choose_member([ALPHA, unknown, late, BETA], "alpha", None) == BETA


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("omega", "there is no member 'omega'"),
        ("alpha", "alpha is the primary already"),
        ("delta", "delta does not stream (stopped)"),
    ],
)
def test_whoever_cannot_is_refused_by_name(to: str, message: str) -> None:
    with pytest.raises(RefusedError) as refused:
        choose_member([ALPHA, BETA, DEAD], "alpha", to)
    assert refused.value.message == message


def test_without_another_that_streams_there_is_no_switchover() -> None:
    with pytest.raises(RefusedError, match="no other member streams"):
        choose_member([ALPHA, DEAD], "alpha", None)


_MEMBERS = st.lists(
    st.builds(
        ListedMember,
        name=st.sampled_from("bcdefgh"),
        role=st.sampled_from(["replica", "sync_standby", "quorum_standby"]),
        state=st.sampled_from(["streaming", "running", "stopped", "start failed"]),
        lag=st.none() | st.integers(0, 1 << 40),
    ),
    max_size=6,
)


@given(_MEMBERS)
def test_nobody_who_is_down_and_not_the_leader_is_chosen(others: list[ListedMember]) -> None:
    if not [each for each in others if each.runs]:
        with pytest.raises(RefusedError):
            choose_member([ALPHA, *others], "alpha", None)
        return
    chosen = choose_member([ALPHA, *others], "alpha", None)
    assert chosen.runs
    assert chosen.name != "alpha"


def test_a_failover_loses_nothing_where_every_commit_waited_for_the_one_that_takes_over() -> None:
    check_loss([DEAD, BETA], ListedMember(name="beta", role="sync_standby", state="streaming"))


@pytest.mark.parametrize("target", [BETA, GAMMA], ids=lambda each: str(each.role))
def test_any_other_has_to_be_wanted(target: ListedMember) -> None:
    """Of several that commits wait for one may lack some: if it had them all Patroni would have elected it."""
    with pytest.raises(RefusedError) as refused:
        check_loss([DEAD, target], target)
    assert refused.value.hint.startswith("bring back delta, or")
    assert "--accept-data-loss" in refused.value.hint
