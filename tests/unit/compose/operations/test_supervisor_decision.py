"""When the supervisor acts, over made-up days of a primary: properties that no order of events may break."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose.operations.supervisor.decision import (
    GAP_SECONDS,
    Action,
    FailoverCandidate,
    FailoverDecision,
    FailoverRules,
    Presence,
    PrimaryContainer,
    PrimaryObservation,
    Watch,
    decide,
)

RULES = FailoverRules(after=5, loss=100, interval=60)
CRASHED = PrimaryContainer(status="exited", exit_code=137, started="1")
RUNNING = PrimaryContainer(status="running", started="1")
SAFE = FailoverCandidate(name="replica1", loss=0)
UP = PrimaryObservation(at=0, now=1000, primary="primary", presence=Presence.UP, container=RUNNING, candidates=(SAFE,))
GONE = replace(UP, presence=Presence.SILENT, container=CRASHED)
STARTING = replace(UP, presence=Presence.STARTING)


@dataclass
class Walk:
    """The supervisor's loop, with made observations."""

    watch: Watch
    rules: FailoverRules = RULES

    def see(self, seen: PrimaryObservation) -> FailoverDecision:
        self.watch, decision = decide(self.rules, self.watch, seen)
        if decision.action is Action.FAIL_OVER:
            self.watch = replace(self.watch, failed_over=seen.now)
        return decision

    def over(self, seen: PrimaryObservation, seconds: Iterable[float]) -> list[FailoverDecision]:
        """The same, seen at each of ``seconds``."""
        return [self.see(replace(seen, at=float(at), now=1000.0 + at)) for at in seconds]


def started() -> Walk:
    """One that has seen the primary take writes at 0."""
    walk = Walk(Watch())
    assert walk.see(UP).action is Action.WAIT
    return walk


def actions(decisions: Iterable[FailoverDecision]) -> list[Action]:
    return [each.action for each in decisions]


def test_a_primary_that_is_gone_is_started_once_and_then_replaced() -> None:
    done = started().over(GONE, range(1, 8))
    wait = Action.WAIT
    assert actions(done[:6]) == [Action.RESTART, wait, wait, wait, wait, Action.FAIL_OVER]
    assert done[5].target == "replica1"


def test_it_reads_candidates_only_when_it_is_time() -> None:
    done = started().over(replace(GONE, candidates=None), range(1, 7))
    assert actions(done) == [Action.RESTART, *[Action.WAIT] * 4, Action.ASSESS]


def test_a_paused_primary_is_replaced_though_its_container_runs() -> None:
    paused = replace(GONE, container=PrimaryContainer(status="paused", started="1"))
    assert actions(started().over(paused, range(1, 7))) == [*[Action.WAIT] * 5, Action.FAIL_OVER]


def test_one_that_starts_by_itself_is_waited_for_as_long_as_it_takes() -> None:
    walk = started()
    walk.over(GONE, [1, 2])
    assert set(actions(walk.over(STARTING, range(3, 300)))) == {Action.WAIT}
    assert walk.over(UP, [300])[0].reason == ""


def test_a_crash_loop_is_no_start() -> None:
    walk, found = started(), list[Action]()
    for second in range(1, 20):
        made = replace(RUNNING, started=str(second))
        found += actions(walk.over(replace(STARTING, container=made), [second]))
    assert Action.FAIL_OVER in found


@pytest.mark.parametrize("container", [replace(CRASHED, exit_code=0), PrimaryContainer(status="created"), None])
def test_what_somebody_stopped_or_removed_is_left_alone(container: PrimaryContainer | None) -> None:
    done = started().over(replace(GONE, container=container), range(1, 60))
    assert set(actions(done)) == {Action.HOLD}


def test_one_that_never_took_writes_is_not_replaced() -> None:
    done = Walk(Watch()).over(GONE, range(30))
    assert Action.FAIL_OVER not in actions(done)
    assert done[-1] == FailoverDecision(Action.HOLD, "primary was never seen to take writes")


def test_a_replica_that_still_hears_from_it_is_believed() -> None:
    heard = replace(GONE, candidates=(SAFE, FailoverCandidate(name="replica2", loss=0, witness=True)))
    assert Action.FAIL_OVER not in actions(started().over(heard, range(1, 60)))


@pytest.mark.parametrize(
    ("candidates", "reason"),
    [
        ((), "there is no replica"),
        ((FailoverCandidate(name="replica1", loss=101),), "replica1 lacks 101 B"),
        ((FailoverCandidate(name="replica1"),), "what replica1 lacks is not known"),
        ((replace(SAFE, unfit="does not answer"),), "replica1 does not answer"),
        ((replace(SAFE, synchronous=True, unfit="has no room"),), "replica1 has no room"),
    ],
)
def test_where_nobody_is_safe_it_holds_and_says_why(candidates: tuple[FailoverCandidate, ...], reason: str) -> None:
    last = started().over(replace(GONE, candidates=candidates), range(1, 20))[-1]
    assert last.action is Action.HOLD
    assert last.reason.endswith(f"nobody can take over safely: {reason}")


def test_whoever_lacks_least_takes_over() -> None:
    late, near = FailoverCandidate(name="late", loss=90), FailoverCandidate(name="near", loss=10)
    assert started().over(replace(GONE, candidates=(late, near)), range(1, 7))[-1].target == "near"


def test_an_unfinished_change_goes_on_after_the_same_time_and_not_under_the_lock() -> None:
    walk, left = started(), replace(UP, handover=True)
    assert set(actions(walk.over(replace(left, locked=True), range(1, 10)))) == {Action.WAIT}
    assert actions(walk.over(left, range(10, 16))) == [*[Action.WAIT] * 5, Action.GO_ON]


def test_an_old_primary_that_does_not_follow_is_tried_once_and_keeps_nobody_from_holding() -> None:
    walk, left = started(), replace(UP, rejoining=True)
    tried = actions(walk.over(left, range(1, 60)))
    assert tried.count(Action.GO_ON) == 1
    assert set(tried[6:]) == {Action.WAIT}
    done = walk.over(replace(GONE, rejoining=True), range(60, 80))
    assert done[-1] == FailoverDecision(Action.HOLD, "the change of the primary before this one is not finished")


candidates = st.builds(
    FailoverCandidate,
    name=st.sampled_from(["replica1", "replica2"]),
    synchronous=st.booleans(),
    loss=st.one_of(st.none(), st.integers(0, 200)),
    unfit=st.sampled_from(["", "does not answer"]),
    witness=st.booleans(),
)
containers = st.one_of(
    st.none(),
    st.builds(
        PrimaryContainer,
        status=st.sampled_from(["running", "paused", "restarting", "exited", "created", "dead"]),
        exit_code=st.sampled_from([0, 1, 137]),
        started=st.sampled_from(["", "1", "2", "3", "4", "5"]),
    ),
)
moments = st.builds(
    PrimaryObservation,
    at=st.floats(0.1, 9),  # since the one before
    now=st.just(0.0),
    primary=st.just("primary"),
    presence=st.sampled_from([*[Presence.SILENT] * 4, Presence.STARTING, Presence.UP]),
    container=containers,
    locked=st.sampled_from([False] * 6 + [True]),
    handover=st.sampled_from([False] * 8 + [True]),
    rejoining=st.sampled_from([False] * 8 + [True]),
    candidates=st.one_of(st.none(), st.lists(candidates, max_size=2).map(tuple)),
)
days = st.lists(moments, min_size=1, max_size=60)


def _walked(day: list[PrimaryObservation]) -> Iterator[tuple[PrimaryObservation, FailoverDecision]]:
    walk, at = started(), 0.0
    for moment in day:
        at += moment.at
        seen = replace(moment, at=at, now=1000.0 + at)
        yield seen, walk.see(seen)


@given(days)
def test_it_acts_only_after_the_set_time_without_a_gap_and_without_the_primary(day: list[PrimaryObservation]) -> None:
    since = before = 0.0
    for seen, decision in _walked(day):
        if seen.presence is Presence.UP or seen.locked or seen.handover or seen.at - before > GAP_SECONDS:
            since = seen.at
        before = seen.at
        if decision.action is Action.FAIL_OVER:
            assert seen.presence is not Presence.UP
            assert seen.at - since >= RULES.after


@given(days)
def test_under_the_lock_it_only_waits(day: list[PrimaryObservation]) -> None:
    assert {decision.action for seen, decision in _walked(day) if seen.locked} <= {Action.WAIT}


@given(days)
def test_never_twice_within_the_interval(day: list[PrimaryObservation]) -> None:
    moments = [seen.at for seen, decision in _walked(day) if decision.action is Action.FAIL_OVER]
    assert all(later - earlier >= RULES.interval for earlier, later in pairwise(moments))


@given(days)
def test_only_to_somebody_who_is_safe_and_never_past_a_witness(day: list[PrimaryObservation]) -> None:
    for seen, decision in _walked(day):
        if decision.action is Action.FAIL_OVER:
            assert seen.candidates
            named = [each for each in seen.candidates if each.name == decision.target]
            assert any(not each.unsafe(RULES.loss) for each in named)
            assert not any(each.witness for each in seen.candidates)


@given(days)
def test_whoever_has_to_act_or_hold_says_why(day: list[PrimaryObservation]) -> None:
    assert all(decision.reason for _, decision in _walked(day) if decision.action is not Action.WAIT)
