"""Who takes over, and what that costs."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_records import WalTail
from compose.operations.promotion.loss import Loss, Successor, expected_loss, furthest

SUCCESSORS = st.lists(
    st.builds(
        Successor,
        name=st.text("ab", min_size=1),
        timeline=st.integers(1, 3),
        received=st.integers(0, 1 << 40).map(Lsn),
        unfit=st.sampled_from(["", "", "does not answer"]),
    ),
    min_size=1,
)


@given(SUCCESSORS)
def test_nobody_who_is_fit_has_more_than_the_chosen_one(found: list[Successor]) -> None:
    fit = [each for each in found if not each.unfit]
    if not fit:
        with pytest.raises(RefusedError, match="does not answer"):
            furthest(found)
        return
    chosen = furthest(found)
    assert not chosen.unfit
    assert all((each.timeline, each.received) <= (chosen.timeline, chosen.received) for each in fit)


def test_without_replicas_nobody_can() -> None:
    with pytest.raises(RefusedError, match="there is no replica"):
        furthest([])


@given(SUCCESSORS, st.none() | st.integers(0, 1 << 40).map(Lsn), st.integers(0, 1 << 30))
def test_with_the_old_wal_at_hand_nothing_is_lost(found: list[Successor], known: Lsn | None, more: int) -> None:
    chosen = found[0]
    loss = expected_loss(chosen, found, WalTail(Lsn(chosen.received + more)), known, 0)
    assert loss.permitted(0)
    assert ("is given" in loss.text) == (more > 0)


@given(SUCCESSORS, st.integers(0, 5))
def test_commits_that_waited_for_more_replicas_than_are_silent_are_on_one_that_answers(
    found: list[Successor], synchronous: int
) -> None:
    silent = sum(bool(each.unfit) for each in found)
    if silent == len(found):
        return
    loss = expected_loss(furthest(found), found, None, None, synchronous)
    assert loss.permitted(0) == (silent < synchronous)


def test_a_replica_that_lacks_what_another_has_must_be_given_it() -> None:
    behind, ahead = (Successor(name=f"replica{n}", timeline=1, received=Lsn(n * 100)) for n in (1, 2))
    assert not expected_loss(behind, [behind, ahead], None, None, 2).permitted(0)
    assert expected_loss(replace(behind, given=Lsn(200)), [behind, ahead], None, None, 2).permitted(0)


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.integers(0, 1 << 41))
def test_a_limit_in_bytes_needs_somebody_who_saw_how_far_it_was(received: int, known: int, allowed: int) -> None:
    chosen = Successor(name="replica1", timeline=1, received=Lsn(received))
    unknown, seen = (expected_loss(chosen, [chosen], None, position, 0) for position in (None, Lsn(known)))
    assert not unknown.permitted(allowed)
    assert seen.permitted(allowed) == (allowed > 0 and known - received <= allowed)
    assert unknown.permitted(None)
    assert seen.permitted(None)


def test_what_may_be_lost_is_said() -> None:
    assert Loss(size=2 << 20, seconds=8.6).text == (
        "at least 2.0 MB of the WAL may be lost, from the last 8.6 s before now at most"
    )
    assert Loss().text == "an unknown part of the WAL may be lost"
